"""Resolve sequences and optionals whose parts are known before the run, so that only tensors are left."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from ..build import Builder, dimensions
from ..constant import constant_value
from .expand import replace_node

Parts = dict[ir.Value, list[ir.Value]]


def resolve_sequences(model: ir.Model) -> bool:
    """Follow each sequence's tensors to where they are taken out; say whether any reader was resolved."""
    graph, parts, done = model.graph, {}, False  # type: ignore[var-annotated]
    op = Builder(graph)
    for node in list(graph):
        op.prefix = node.name or node.op_type
        if node.op_type in _MAKERS:
            made = _MAKERS[node.op_type](op, node, parts)
            if made is not None:
                parts[node.outputs[0]] = made
        elif node.op_type in _READERS:
            result = _READERS[node.op_type](op, node, parts)
            if result is not None:
                replace_node(graph, node, [result])
                done = True
    graph.sort()
    return done


def _position(v: ir.Value | None) -> int | None:
    known = constant_value(v)
    return None if known is None else int(known.reshape(-1)[0])


def _inserted(op: Builder, node: ir.Node, parts: Parts) -> list[ir.Value] | None:
    have, tensor = parts.get(node.inputs[0]) if node.inputs[0] is not None else None, node.inputs[1]
    at = len(have or []) if len(node.inputs) < 3 or node.inputs[2] is None else _position(node.inputs[2])
    if have is None or tensor is None or at is None:
        return None
    at = at + len(have) if at < 0 else at
    return [*have[:at], tensor, *have[at:]]


def _erased(op: Builder, node: ir.Node, parts: Parts) -> list[ir.Value] | None:
    have = parts.get(node.inputs[0]) if node.inputs[0] is not None else None
    at = -1 if len(node.inputs) < 2 or node.inputs[1] is None else _position(node.inputs[1])
    if have is None or at is None:
        return None
    gone = at % len(have)
    return [*have[:gone], *have[gone + 1 :]]


def _split(op: Builder, node: ir.Node, parts: Parts) -> list[ir.Value] | None:
    x = node.inputs[0]
    axis = node.attributes["axis"].as_int() if "axis" in node.attributes else 0
    length = (dimensions(x) or [None] * (axis + 1))[axis] if x is not None else None
    sizes = _sizes(node, length)
    if sizes is None or x is None:
        return None
    found = op.Split(x, sizes, axis=axis, outputs=len(sizes)) if len(sizes) > 1 else [x]
    asked = len(node.inputs) > 1 and node.inputs[1] is not None
    if asked or "keepdims" not in node.attributes or node.attributes["keepdims"].as_int():
        return list(found)
    return [op.Squeeze(v, [axis]) for v in found]


def _sizes(node: ir.Node, length: Any) -> list[int] | None:
    """Return the lengths of a SplitToSequence's parts."""
    if len(node.inputs) < 2 or node.inputs[1] is None:
        return [1] * length if isinstance(length, int) else None
    known = constant_value(node.inputs[1])
    if known is None:
        return None
    split = known
    if split.ndim:
        return [int(n) for n in split]
    step = int(split)
    return [min(step, length - i) for i in range(0, length, step)] if isinstance(length, int) else None


def _same(op: Builder, node: ir.Node, parts: Parts) -> list[ir.Value] | None:
    return parts.get(node.inputs[0]) if node.inputs and node.inputs[0] is not None else None


_MAKERS: dict[str, Any] = {
    "SequenceEmpty": lambda op, node, parts: [],
    "SequenceConstruct": lambda op, node, parts: list(node.inputs),
    "SequenceInsert": _inserted,
    "SequenceErase": _erased,
    "SplitToSequence": _split,
    "Identity": _same,
}


def _at(op: Builder, node: ir.Node, parts: Parts) -> ir.Value | None:
    have, at = _same(op, node, parts), _position(node.inputs[1])
    return None if have is None or at is None else have[at]


def _length(op: Builder, node: ir.Node, parts: Parts) -> ir.Value | None:
    have = _same(op, node, parts)
    return None if have is None else op.constant(np.array(len(have), np.int64))


def _joined(op: Builder, node: ir.Node, parts: Parts) -> ir.Value | None:
    have, axis = _same(op, node, parts), node.attributes["axis"].as_int()
    if not have:
        return None
    if "new_axis" in node.attributes and node.attributes["new_axis"].as_int():
        have = [op.Unsqueeze(v, [axis]) for v in have]
    joined: ir.Value = op.Concat(*have, axis=axis)
    return joined


def _element(op: Builder, node: ir.Node, parts: Parts) -> ir.Value | None:
    v = node.inputs[0]
    maker = v.producer() if v is not None else None
    if maker is not None and maker.op_type == "Optional":
        return maker.inputs[0] if maker.inputs else None
    return v if v is not None and isinstance(v.type, ir.TensorType) else None


def _present(op: Builder, node: ir.Node, parts: Parts) -> ir.Value | None:
    v = node.inputs[0] if node.inputs else None
    if v is None:
        return op.constant(np.array(False))
    maker = v.producer()
    if maker is not None and maker.op_type == "Optional":
        return op.constant(np.array(bool(maker.inputs)))
    return op.constant(np.array(True)) if isinstance(v.type, ir.TensorType) else None


_READERS: dict[str, Any] = {
    "SequenceAt": _at,
    "SequenceLength": _length,
    "ConcatFromSequence": _joined,
    "OptionalGetElement": _element,
    "OptionalHasElement": _present,
}
