"""Undo what bringing an old Softmax to a new opset wraps around it."""

from __future__ import annotations

from collections.abc import Collection

import onnx_ir as ir


def unflatten_softmax(model: ir.Model) -> None:
    """Turn Flatten → Softmax → Reshape back into one Softmax where only one axis behind the flattening is longer than one."""
    for node in list(model.graph):
        if node.op_type in ("Softmax", "LogSoftmax") and node.graph is not None:
            _unflatten(model.graph, node)


def _unflatten(graph: ir.Graph, node: ir.Node) -> None:
    flatten = node.inputs[0].producer() if node.inputs[0] is not None else None
    back = [n for n in node.outputs[0].consumers() if n.op_type == "Reshape"]
    if flatten is None or flatten.op_type != "Flatten" or len(back) != 1 or len(node.outputs[0].uses()) != 1:
        return
    x = flatten.inputs[0]
    if x is None or x.shape is None or not _returns_to(back[0], x):
        return
    axis = (flatten.attributes["axis"].as_int() if "axis" in flatten.attributes else 1) % len(x.shape)
    if any(d != 1 for d in list(x.shape)[axis + 1 :]):
        return
    old = back[0].outputs[0]
    new = ir.node(node.op_type, [x], {"axis": axis}, name=node.name)
    new.outputs[0].type, new.outputs[0].shape = old.type, old.shape
    graph.insert_after(back[0], new)
    ir.convenience.replace_all_uses_with(old, new.outputs[0], replace_graph_outputs=True)
    name = old.name
    graph.remove([back[0], node], safe=True)
    new.outputs[0].name = name


def _returns_to(reshape: ir.Node, x: ir.Value) -> bool:
    """Say whether a Reshape's target is the shape of x itself."""
    target = reshape.inputs[1]
    source = target.producer() if target is not None else None
    if source is not None and source.op_type == "Shape":
        return source.inputs[0] is x
    if target is None or target.const_value is None or x.shape is None:
        return False
    return list(target.const_value.numpy()) == list(x.shape)


def drop_shift(model: ir.Model, keep: Collection[str] = ()) -> None:
    """Let a Softmax read what it reads before its greatest value is taken off: the runtime does that itself.

    Otherwise the logits of a network that was exported so would be 0 for the greatest class, whatever the input.
    """
    for node in model.graph:
        x = node.inputs[0] if node.op_type in ("Softmax", "LogSoftmax") else None
        shift = x.producer() if x is not None and x.name not in keep else None
        if shift is not None and shift.op_type == "Sub" and _is_shift(node, *shift.inputs):
            node.replace_input_with(0, shift.inputs[0])


def _is_shift(node: ir.Node, x: ir.Value | None, taken: ir.Value | None) -> bool:
    """Say whether what is taken off is one value along the softmax's axis, and x as large as the difference."""
    if x is None or taken is None or x.shape is None or taken.shape is None:
        return False
    axis = (node.attributes["axis"].as_int() if "axis" in node.attributes else -1) % len(x.shape)
    behind = len(x.shape) - axis
    return len(taken.shape) <= len(x.shape) and (len(taken.shape) < behind or taken.shape[-behind] == 1)
