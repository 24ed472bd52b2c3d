"""The one authority that makes nodes, constants and names in an explanation graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from .constant import add_constant

INT64, BOOL = ir.DataType.INT64, ir.DataType.BOOL
_BOOLEAN = frozenset(
    {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "Not", "And", "Or", "Xor", "IsNaN", "IsInf"}
)
_WHOLE = frozenset({"Shape", "Size", "ArgMax", "ArgMin", "NonZero"})
_LIKE = {"Where": 1, "CastLike": 1, "OneHot": 2, "DequantizeLinear": 1}
Dims = list[int | str | None] | None
"""A tensor's axes, each a length, a symbol or None; None where not even the rank is known."""
Operand = ir.Value | np.ndarray[Any, Any] | float | int | bool | Sequence[int] | None


class Builder:
    """Appends nodes to a graph: `op.Mul(x, 2.0)` is a new node; plain numbers become constants of the operands' type."""

    def __init__(self, graph: ir.Graph, prefix: str = "explain") -> None:
        self.graph = graph
        self.prefix = prefix
        self._taken = {v.name for n in graph.all_nodes() for v in n.outputs} | set(graph.initializers)
        self._taken |= {v.name for v in graph.inputs} | {n.name for n in graph.all_nodes()}
        self._count = 0
        self._constants: dict[tuple[str, tuple[int, ...], bytes], ir.Value] = {}

    def name(self, hint: str) -> str:
        """Return a name that nothing in the graph has."""
        while (name := f"{self.prefix}/{hint}_{self._count}") in self._taken:
            self._count += 1
        self._taken.add(name)
        return name

    def __getattr__(self, operator: str) -> Callable[..., Any]:
        if not operator[0].isupper():
            raise AttributeError(operator)
        return lambda *inputs, outputs=1, domain="", **attributes: self.node(
            operator, inputs, attributes, outputs=outputs, domain=domain
        )

    def node(
        self,
        operator: str,
        inputs: Sequence[Operand],
        attributes: dict[str, Any],
        *,
        outputs: int = 1,
        domain: str = "",
    ) -> Any:
        """Append a node; return its output, or a tuple where `outputs` > 1."""
        # a condition says nothing about the type of what it chooses from
        typed = inputs[1:] if operator == "Where" else inputs
        dtype = next((v.dtype for v in typed if isinstance(v, ir.Value) and v.dtype is not None), None)
        values = [self._operand(v, dtype) for v in inputs]
        name = self.name(operator)
        node = ir.node(
            operator,
            values,
            {k: v for k, v in attributes.items() if v is not None},
            domain=domain,
            num_outputs=outputs,
            name=name,
        )
        for i, out in enumerate(node.outputs):
            out.name = name if i == 0 else self.name(f"{operator}_out{i}")
        self._type(node, values)
        self.graph.append(node)
        return node.outputs[0] if outputs == 1 else tuple(node.outputs)

    def _operand(self, v: Operand, dtype: ir.DataType | None) -> ir.Value | None:
        if v is None or isinstance(v, ir.Value):
            return v
        if isinstance(v, np.ndarray):
            return self.constant(v)
        if isinstance(v, list | tuple):
            return self.constant(np.array(v, np.int64))
        return self.constant(np.array(v, (dtype or INT64).numpy()))

    def constant(self, a: np.ndarray[Any, Any], hint: str = "const") -> ir.Value:
        """Return an initializer with this value; equal small constants are shared."""
        a = np.ascontiguousarray(a).reshape(np.shape(a))
        small = a.size <= 64 and a.dtype.kind != "O"
        key = (a.dtype.str, a.shape, a.tobytes() if small else self.name("large").encode())
        if key not in self._constants:
            self._constants[key] = add_constant(self.graph, a, self.name(hint))
        return self._constants[key]

    def _type(self, node: ir.Node, inputs: Sequence[ir.Value | None]) -> None:
        kind = node.op_type
        if kind in _BOOLEAN:
            dtype: ir.DataType | None = BOOL
        elif kind in _WHOLE:
            dtype = INT64
        elif kind == "Cast":
            dtype = ir.DataType(node.attributes["to"].as_int())
        elif kind == "ConstantOfShape":
            dtype = (
                node.attributes["value"].as_tensor().dtype
                if "value" in node.attributes
                else ir.DataType.FLOAT
            )
        else:
            like = inputs[_LIKE.get(kind, 0)] if inputs else None
            dtype = like.dtype if like is not None else None
        for i, out in enumerate(node.outputs):
            known = INT64 if i and kind in ("TopK", "MaxPool") else dtype
            if known is not None:
                out.dtype = known

    def output(self, y: ir.Value, index: int) -> ir.Value:
        """Return another output of the node that made y, asking the node for it if it does not give it yet."""
        node = y.producer()
        assert node is not None
        if len(node.outputs) <= index:
            node.resize_outputs(index + 1)
        out = node.outputs[index]
        if not out.name:
            out.name, out.dtype, out.shape = self.name(f"{node.op_type}_out{index}"), INT64, y.shape
        return out

    # ---- shapes: static where they are known, a Shape node where they are not

    def shape(self, x: ir.Value) -> ir.Value:
        """Return x's shape as a 1-D int64 tensor, a constant where it is known."""
        static = static_shape(x)
        return self.constant(np.array(static, np.int64)) if static is not None else self.Shape(x)

    def reshape_like(self, g: ir.Value, x: ir.Value) -> ir.Value:
        """Return g with x's shape."""
        dims = dimensions(x)
        if dims is not None and sum(not isinstance(d, int) for d in dims) <= 1:
            return self.Reshape(
                g, [d if isinstance(d, int) else -1 for d in dims], allowzero=int(static_shape(x) is not None)
            )
        return self.Reshape(g, self.Shape(x))

    def expand_like(self, g: ir.Value, x: ir.Value) -> ir.Value:
        """Return g broadcast to x's shape."""
        return self.Expand(g, self.shape(x))

    def zeros_like(self, x: ir.Value) -> ir.Value:
        """Return zeros of x's shape and type."""
        return self._filled(x, 0)

    def ones_like(self, x: ir.Value) -> ir.Value:
        """Return ones of x's shape and type."""
        return self._filled(x, 1)

    def _filled(self, x: ir.Value, value: int) -> ir.Value:
        one = ir.tensor(np.full(1, value, (x.dtype or ir.DataType.FLOAT).numpy()))
        return self.ConstantOfShape(self.shape(x), value=one)

    def reduce_to(self, g: ir.Value, ys: Dims, x: ir.Value) -> ir.Value:
        """Sum g, whose axes are ys, over those along which x was broadcast to them."""
        xs = dimensions(x)
        if (
            ys is not None
            and xs is not None
            and all(_comparable(a, b) for a, b in zip(ys[::-1], xs[::-1], strict=False))
        ):
            lead = len(ys) - len(xs)
            axes = [*range(lead), *(lead + i for i, d in enumerate(xs) if d == 1 and ys[lead + i] != 1)]
            if not axes:
                return g
            g = self.ReduceSum(g, axes, keepdims=1)
            return self.Squeeze(g, list(range(lead))) if lead else g
        return self._reduce_to_at_run_time(g, x)

    def _reduce_to_at_run_time(self, g: ir.Value, x: ir.Value) -> ir.Value:
        g_shape, x_shape = self.Shape(g), self.Shape(x)
        lead = self.Sub(self.Size(g_shape), self.Size(x_shape))
        ones = self.Expand(np.array([1], np.int64), self.Reshape(lead, [1]))
        padded = self.Concat(ones, x_shape, axis=0)
        axes = self.Squeeze(self.NonZero(self.Not(self.Equal(padded, g_shape))), [0])
        return self.Reshape(self.ReduceSum(g, axes, keepdims=1, noop_with_empty_axes=1), x_shape)


def sum_per_item(op: Builder, x: ir.Value) -> ir.Value:
    """Return x, items first, summed over all axes behind them, be their number known or not."""
    dims = dimensions(x)
    if dims is not None and len(dims) < 2:
        return x
    if dims is None:
        x, dims = op.Reshape(x, [0, -1]), [None, None]
    total: ir.Value = op.ReduceSum(x, list(range(1, len(dims))), keepdims=0)
    return total


def dimensions(x: ir.Value) -> Dims:
    """Return x's axes."""
    if x.shape is None:
        return None
    return [d if isinstance(d, int) else (d.value if isinstance(d.value, str) else None) for d in x.shape]


def static_shape(x: ir.Value) -> list[int] | None:
    """Return x's shape where every axis has a known length."""
    dims = dimensions(x)
    if dims is None:
        return None
    known = [d for d in dims if isinstance(d, int)]
    return known if len(known) == len(dims) else None


def _comparable(a: int | str | None, b: int | str | None) -> bool:
    return a is not None and b is not None and (b in (1, a) or isinstance(b, int))
