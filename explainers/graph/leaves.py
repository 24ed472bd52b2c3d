"""Where an input becomes real numbers: the tensors at which its attribution is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import onnx_ir as ir

_CARRY = frozenset({"Identity", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Expand", "Cast"})


@dataclass(frozen=True)
class Leaf:
    """An input and the float tensors that carry its values into the graph."""

    name: str
    source: ir.Value
    values: tuple[ir.Value, ...]
    kind: Literal["input", "cast", "embedding", "inner"]


def leaves(graph: ir.Graph) -> tuple[list[Leaf], dict[str, str]]:
    """Return the inputs that can be explained, and those that are held fixed with the reason."""
    found, fixed = [], {}
    for v in graph.inputs:
        leaf = _leaf(v)
        if isinstance(leaf, str):
            fixed[v.name or ""] = leaf
        else:
            found.append(leaf)
    if any(leaf.kind == "embedding" for leaf in found):
        for leaf in [leaf for leaf in found if leaf.kind == "cast" and leaf.source.dtype not in _IMAGE]:
            found.remove(leaf)
            fixed[leaf.name] = "an integer input beside tokens: taken for a mask or a length"
    return found, fixed


_IMAGE = (ir.DataType.UINT8,)


def _leaf(v: ir.Value) -> Leaf | str:
    name = v.name or ""
    if v.dtype is None:
        return "its type is unknown"
    if v.dtype.is_floating_point():
        widened = [n.outputs[0] for n in v.consumers() if (n.name or "").endswith("/widened")]
        return Leaf(name, v, tuple(widened) or (v,), "input")
    if v.dtype in (ir.DataType.BOOL, ir.DataType.STRING):
        return f"{str(v.dtype).lower()} values have no slope"
    embedded, cast = _becomes_real(v)
    if embedded:
        return Leaf(name, v, tuple(embedded), "embedding")
    if cast:
        return Leaf(name, v, tuple(cast), "cast")
    return "an integer input that neither gathers an embedding nor is cast to float"


def _becomes_real(v: ir.Value) -> tuple[list[ir.Value], list[ir.Value]]:
    """Follow an integer tensor of unchanged order to the embeddings it gathers and the floats it is cast to."""
    embedded, cast, queue = [], [], [v]
    while queue:
        x = queue.pop()
        for node in x.consumers():
            out = node.outputs[0]
            real = _is_real(out)
            if node.op_type == "Gather" and len(node.inputs) > 1 and node.inputs[1] is x and real:
                embedded.append(out)
            elif node.op_type in ("Equal", "OneHot") and _adds_axis(v, out):
                embedded.extend(_one_hot(node, x))
            elif node.op_type == "Cast" and real and _same_shape(out, v):
                cast.append(out)
            elif node.op_type in _CARRY and not real and (_same_shape(out, v) or _adds_axis(v, out)):
                queue.append(out)
    return embedded, cast


def _one_hot(node: ir.Node, x: ir.Value) -> list[ir.Value]:
    """Return the embeddings that a one-hot row picks from a matrix, or the rows themselves where something else reads them."""
    others = [v for v in node.inputs if v is not None and v is not x]
    if any(v.const_value is None for v in others):
        return []
    rows = [node.outputs[0]] if _is_real(node.outputs[0]) else _casts(node.outputs[0])
    found = []
    for row in rows:
        products = [n.outputs[0] for n in row.consumers() if n.op_type == "MatMul" and n.inputs[0] is row]
        found.extend(products if products and len(products) == len(row.uses()) else [row])
    return found


def _casts(v: ir.Value) -> list[ir.Value]:
    return [n.outputs[0] for n in v.consumers() if n.op_type == "Cast" and _is_real(n.outputs[0])]


def _is_real(v: ir.Value) -> bool:
    return v.dtype is not None and v.dtype.is_floating_point()


def _same_shape(a: ir.Value, b: ir.Value) -> bool:
    return a.shape is not None and b.shape is not None and _alike(list(a.shape), list(b.shape))


def _adds_axis(v: ir.Value, out: ir.Value) -> bool:
    return (
        v.shape is not None
        and out.shape is not None
        and len(out.shape) == len(v.shape) + 1
        and _alike(list(v.shape), list(out.shape)[:-1])
    )


def _alike(a: Sequence[int | ir.SymbolicDim], b: Sequence[int | ir.SymbolicDim]) -> bool:
    """Say whether shapes can be the same; the inference has many names for one open axis."""
    return len(a) == len(b) and all(
        p == q or not (isinstance(p, int) and isinstance(q, int)) for p, q in zip(a, b, strict=True)
    )
