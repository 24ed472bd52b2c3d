"""Where an input becomes real numbers: the tensors at which its attribution is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import onnx_ir as ir

_CARRY = frozenset({"Identity", "Reshape", "Unsqueeze", "Squeeze", "Flatten"})


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
    """Follow an integer tensor of unchanged shape to the embeddings it gathers and the floats it is cast to."""
    embedded, cast, queue = [], [], [v]
    while queue:
        x = queue.pop()
        for node in x.consumers():
            out = node.outputs[0]
            real = out.dtype is not None and out.dtype.is_floating_point()
            if node.op_type == "Gather" and len(node.inputs) > 1 and node.inputs[1] is x and real:
                embedded.append(out)
            elif node.op_type == "Cast" and real and _same_shape(out, v):
                cast.append(out)
            elif node.op_type in _CARRY | {"Cast"} and not real and _same_shape(out, v):
                queue.append(out)
    return embedded, cast


def _same_shape(a: ir.Value, b: ir.Value) -> bool:
    return a.shape is not None and b.shape is not None and list(a.shape) == list(b.shape)
