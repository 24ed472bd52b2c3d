"""Small parts of a graph that lead from one tensor to another, and what they compute."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from ..constant import Numbers, constant_value

LARGEST = 20
"""Nodes of a cone: the longest way in which exporters write one operator."""
_PLAIN = frozenset(
    {
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Pow",
        "Sqrt",
        "Reciprocal",
        "Exp",
        "Log",
        "Erf",
        "Tanh",
        "Clip",
        "Max",
        "Min",
        "Relu",
        "Sigmoid",
        "HardSigmoid",
        "ReduceMean",
        "ReduceSum",
        "ReduceMax",
        "ReduceSumSquare",
        "ReduceLogSumExp",
        "Neg",
        "Abs",
        "Identity",
        "Squeeze",
        "Unsqueeze",
    }
)
_SHAPED = frozenset({"Reshape", "Expand"})
"""Operators whose second input is a shape, often computed in the graph: what it comes to is known from the output."""
ITEMS = 3
"""What stands for an axis of unknown length."""


@dataclass(frozen=True)
class Cone:
    """The nodes between one variable tensor x and y; everything else they read is constant."""

    x: ir.Value
    y: ir.Value
    nodes: list[ir.Node]

    @property
    def operators(self) -> set[str]:
        """The operators that occur."""
        return {n.op_type for n in self.nodes}

    def constants(self) -> list[Numbers]:
        """Return the constants that the nodes read."""
        values = {v for n in self.nodes for v in n.inputs if v is not None}
        return [a for v in values if (a := constant_value(v)) is not None]

    @property
    def moves(self) -> bool:
        """Say whether shapes are written into the nodes."""
        return bool(self.operators & _SHAPED)

    def axes(self) -> set[tuple[int, ...]]:
        """Return the axes of the reductions."""
        found = set()
        for n in self.nodes:
            axes = (
                constant_value(n.inputs[1]) if n.op_type.startswith("Reduce") and len(n.inputs) > 1 else None
            )
            if axes is not None and self.x.shape is not None:
                found.add(tuple(sorted(int(a) % len(self.x.shape) for a in axes.reshape(-1))))
        return found

    def evaluate(self, x: Numbers) -> Numbers | None:
        """Return y for this x; None where it cannot be computed."""
        from onnx.reference import ReferenceEvaluator

        feeds: dict[str, Any] = {self.x.name or "": x}
        for n in self.nodes:
            feeds.update(
                (str(v.name), a) for v in n.inputs if v is not None and (a := constant_value(v)) is not None
            )
        # a shape may serve several nodes: each gets its own
        protos = [_with_shape(n, feeds) if n.op_type in _SHAPED else ir.to_proto(n) for n in self.nodes]
        inputs = [
            onnx.helper.make_tensor_value_info(
                n, onnx.helper.np_dtype_to_tensor_dtype(np.asarray(a).dtype), None
            )
            for n, a in feeds.items()
        ]
        out = onnx.helper.make_tensor_value_info(
            self.y.name or "", inputs[0].type.tensor_type.elem_type, None
        )
        graph = onnx.helper.make_graph(protos, "cone", inputs, [out])
        version = self.nodes[0].graph.opset_imports.get("", 23)  # type: ignore[union-attr]
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", version)])
        try:
            with np.errstate(all="ignore"):
                answers: Any = ReferenceEvaluator(model).run(None, feeds)
                return np.asarray(answers[0])
        except Exception:  # noqa: BLE001 - the evaluator raises anything; what it cannot compute is not recognised
            return None


def cones(y: ir.Value, order: Mapping[ir.Node, int], keep: Collection[str]) -> Iterator[Cone]:
    """Yield the cones that end in y, the smallest first."""
    open_: set[ir.Value] = {y}
    nodes: list[ir.Node] = []
    while len(nodes) < LARGEST:
        inner = [v for v in open_ if (n := v.producer()) is not None and n in order]
        if not inner:
            return
        v = max(inner, key=lambda v: order[v.producer()])  # type: ignore[index]
        node = v.producer()
        assert node is not None
        held = v is not y and (v.name in keep or v.is_graph_output())
        if node.op_type not in _PLAIN | _SHAPED or len(node.outputs) != 1 or held:
            return
        nodes.append(node)
        open_ = (open_ - {v}) | {x for x in _reads(node) if constant_value(x) is None}
        if len(open_) == 1 and len(nodes) > 1:
            x = next(iter(open_))
            if _alike(x, y):
                yield Cone(x, y, nodes[::-1])


def _reads(node: ir.Node) -> list[ir.Value]:
    known = node.op_type in _SHAPED and node.outputs[0].shape is not None
    return [x for x in (node.inputs[:1] if known else node.inputs) if x is not None]


def lengths(v: ir.Value) -> list[int]:
    """Return a tensor's axes with a small number for each of unknown length."""
    return [d if isinstance(d, int) else ITEMS for d in v.shape or []]


def _with_shape(node: ir.Node, feeds: dict[str, Any]) -> onnx.NodeProto:
    """Return the node with the shape of its output for a constant."""
    proto = ir.to_proto(node)
    name = f"{node.outputs[0].name}/shape"
    proto.input[1] = name
    feeds[name] = np.array(lengths(node.outputs[0]), np.int64)
    return proto


def _alike(x: ir.Value, y: ir.Value) -> bool:
    same = x.shape is not None and y.shape is not None and lengths(x) == lengths(y)
    return same and x.dtype is not None and x.dtype == y.dtype and x.dtype.is_floating_point()
