"""Points: the float tensors that a path or noise moves; where they are no inputs of the model, the graph is opened there."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from .leaves import Leaf

POINT = "point."


@dataclass(frozen=True)
class Point:
    """A float tensor under the name by which it is fed, and the leaf whose attribution it makes."""

    name: str
    leaf: str
    embedding: bool

    @property
    def opened(self) -> bool:
        """Whether it is an inner tensor of the model, such as an embedding."""
        return self.name != self.leaf


def points_of(leaves: list[Leaf]) -> list[Point]:
    """Return the points of these leaves: one for each table that a token gathers from, one for any other leaf."""
    return [
        Point(name, leaf.name, leaf.kind == "embedding")
        for leaf in leaves
        for name in named_points(leaf).values()
    ]


def named_points(leaf: Leaf) -> dict[ir.Value, str]:
    """Return the tensors that are moved apart; equal casts of one input move together, under the first one's name."""
    if not _inside(leaf):
        return {leaf.source: leaf.name}
    apart = leaf.values if leaf.kind == "embedding" else leaf.values[:1]
    return {v: f"{POINT}{leaf.name}.{i}" for i, v in enumerate(apart)}


def _inside(leaf: Leaf) -> bool:
    return leaf.kind == "inner" or leaf.values != (leaf.source,)


def open_leaves(graph: ir.Graph, leaves: list[Leaf]) -> list[Leaf]:
    """Make every leaf that is no input of the graph one: what it carries then comes from outside."""
    return [_open(graph, leaf) if _inside(leaf) else leaf for leaf in leaves]


def _open(graph: ir.Graph, leaf: Leaf) -> Leaf:
    fresh = []
    for value, name in named_points(leaf).items():
        v = ir.Value(name=name, type=ir.TensorType(value.dtype or ir.DataType.FLOAT), shape=value.shape)
        graph.inputs.append(v)
        fresh.append(v)
    for k, value in enumerate(leaf.values):
        new = fresh[k] if leaf.kind == "embedding" else fresh[0]
        if value.dtype != new.dtype:
            new = _cast(graph, new, value)
        for node, i in tuple(value.uses()):
            node.replace_input_with(i, new)
    return Leaf(leaf.name, leaf.source, tuple(fresh), leaf.kind)


def _cast(graph: ir.Graph, v: ir.Value, like: ir.Value) -> ir.Value:
    node = ir.node("Cast", [v], {"to": int(like.dtype or ir.DataType.FLOAT)}, name=f"{v.name}/{like.name}")
    out = node.outputs[0]
    out.name, out.dtype, out.shape = node.name, like.dtype or ir.DataType.FLOAT, v.shape
    first = next(iter(graph))
    graph.insert_before(first, node)
    return out
