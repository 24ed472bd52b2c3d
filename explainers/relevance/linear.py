"""A linear operator seen as forward and VJP over any parts of its input, weight and bias."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import onnx_ir as ir

from ..graph.build import dimensions, static_shape
from ..graph.constant import Numbers, constant_value
from ..graph.table import VJPS, attributes, key
from .rule import ONE, SAME, Part


@dataclass
class Linear:
    """z = forward(x, w, b): which input carries the signal, which the weight, and where the bias is added."""

    node: ir.Node
    signal: int
    weight: int
    bias: ir.Value | None
    z: ir.Value
    """The output with the bias in it; a bias may be added by a node of its own."""
    _parts: dict[tuple[str, Part], Any] = field(default_factory=dict)

    @property
    def x(self) -> ir.Value:
        """The input that carries the signal."""
        x = self.node.inputs[self.signal]
        assert x is not None
        return x

    @cached_property
    def _attributes(self) -> dict[str, Any]:
        known = attributes(self.node)
        # the factors of a Gemm are taken into its operands, so that parts are those of what is added up
        return known | {"alpha": 1.0, "beta": 1.0} if self.node.op_type == "Gemm" else known

    def _factor(self, name: str) -> float:
        return float(attributes(self.node).get(name, 1.0)) if self.node.op_type == "Gemm" else 1.0

    def _operand(self, op: Any, which: str, part: Part) -> Any:
        if (which, part) not in self._parts:
            v = self.node.inputs[self.weight] if which == "w" else self.bias
            factor = self._factor("alpha" if which == "w" else "beta")
            self._parts[which, part] = take(op, known_value(op, v), part, factor)
        return self._parts[which, part]

    def forward(self, op: Any, x: Any, w: Part, b: Part, plus: float = 0.0) -> Any:
        """Return the operator's output for this x with these parts of weight and bias, plus a number."""
        operands: list[Any] = [None, None]
        operands[self.signal], operands[self.weight] = x, self._operand(op, "w", w)
        bias = self._bias(op, b, plus)
        if bias is not None and self._own_bias:
            return op.node(self.node.op_type, [*operands, bias], self._attributes)
        y = op.node(self.node.op_type, operands, self._attributes)
        return y if bias is None else op.Add(y, bias)

    def _bias(self, op: Any, b: Part, plus: float) -> Any:
        """Return the bias part and the number as one tensor; None where nothing is to be added."""
        if not self.adds(b):
            if not plus:
                return None
            width = self._width() if self._own_bias else None
            shape = () if width is None else (width,)
            return op.constant(np.full(shape, plus, (self.z.dtype or ir.DataType.FLOAT).numpy()))
        value = self._operand(op, "b", b)
        known = constant_value(value)
        if not plus or known is None:
            return op.Add(value, plus) if plus else value
        return op.constant(known + known.dtype.type(plus))

    @cached_property
    def _kernel_of_one(self) -> Numbers | None:
        """One output channel's kernel of ones (1, C, ...), where all channels of a convolution read the same inputs."""
        shape = static_shape(self.node.inputs[self.weight])  # type: ignore[arg-type]
        if shape is None or self.node.op_type != "Conv" or self._attributes.get("group", 1) != 1:
            return None
        return np.ones((1, *shape[1:]), (self.z.dtype or ir.DataType.FLOAT).numpy())

    def _width(self) -> int | None:
        """Return the number of output channels of a convolution."""
        shape = static_shape(self.node.inputs[self.weight])  # type: ignore[arg-type]
        if shape is None or self.node.op_type not in ("Conv", "ConvTranspose"):
            return None
        return shape[0] if self.node.op_type == "Conv" else shape[1] * int(self._attributes.get("group", 1))

    @property
    def _own_bias(self) -> bool:
        """Say whether the operator adds the bias itself."""
        if self.bias is None:
            return self.node.op_type in ("Conv", "ConvTranspose")
        return len(self.node.inputs) > 2 and self.node.inputs[2] is self.bias

    def back(self, op: Any, s: Any, w: Part) -> Any:
        """Return s passed back to the input through this part of the weight."""
        operands: list[Any] = list(self.node.inputs)
        operands[self.weight] = self._operand(op, "w", w)
        if w == ONE and self._kernel_of_one is not None:
            # equal weights: what all output channels hand back is what one hands back that has their sum
            s = op.ReduceSum(s, [1], keepdims=1)
            operands[self.weight] = op.constant(self._kernel_of_one)
        result = VJPS[key(self.node)].rule(op, s, self.node.outputs[0], *operands, **self._attributes)
        result = result[self.signal] if isinstance(result, tuple | list) else result
        return result() if callable(result) else result

    def bias_part(self, op: Any, b: Part) -> Any:
        """Return a part of the bias so that it broadcasts over z; None where there is none."""
        if self.bias is None or b == Part():
            return None
        value = self._operand(op, "b", b)
        rank = len(dimensions(self.z) or [])
        if self.node.op_type in ("Conv", "ConvTranspose") and self._own_bias:
            return op.Unsqueeze(value, list(range(1, rank - 1)))
        return value

    def adds(self, b: Part) -> bool:
        """Say whether a branch with this part of the bias adds anything to the weights' output."""
        return self.bias is not None and b != Part()

    def is_z(self, w: Part, b: Part) -> bool:
        """Say whether the branch of the whole input with these parts is what the model computes itself."""
        return w == SAME and (b == SAME or self.bias is None)


def take(op: Any, v: Any, part: Part, factor: float = 1.0) -> Any:
    """Return a part of a tensor, computed now where the tensor is constant."""
    if part == SAME and factor == 1.0:
        return v
    known = constant_value(v)
    if known is not None:
        return op.constant(_numbers(known * known.dtype.type(factor), part))
    shape = v.shape
    v = v if factor == 1.0 else op.Mul(v, factor)
    emit: dict[str, Callable[[], Any]] = {
        "same": lambda: v,
        "positive": lambda: op.Relu(v),
        "negative": lambda: op.Neg(op.Relu(op.Neg(v))),
        "square": lambda: op.Mul(v, v),
        "one": lambda: op.Add(op.Mul(v, 0.0), 1.0),
    }
    wanted = {name: c for name in emit if (c := getattr(part, name))}
    terms = [emit[name]() if c == 1.0 else op.Mul(emit[name](), c) for name, c in wanted.items()]
    made = op.Sum(*terms) if len(terms) > 1 else terms[0]
    made.shape = shape
    return made


def known_value(op: Any, v: Any) -> Any:
    """Return a dequantised constant as a constant."""
    node = v.producer()
    if (
        node is None
        or node.op_type != "DequantizeLinear"
        or any(constant_value(x) is None for x in node.inputs if x is not None)
    ):
        return v
    from onnx.reference import ReferenceEvaluator

    feeds: dict[str, Any] = {str(x.name): constant_value(x) for x in node.inputs if x is not None}
    answers: Any = ReferenceEvaluator(ir.to_proto(node), opsets={"": 23}).run(None, feeds)
    return op.constant(np.asarray(answers[0]))


def _numbers(a: Numbers, part: Part) -> Numbers:
    total = (
        part.same * a
        + part.positive * np.maximum(a, 0)
        + part.negative * np.minimum(a, 0)
        + part.square * a * a
        + part.one
    )
    return np.asarray(total, a.dtype)
