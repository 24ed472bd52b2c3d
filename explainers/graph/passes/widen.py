"""Compute half-precision models in float32: their backward pass needs its range and its digits."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

HALF = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)
FLOAT = ir.DataType.FLOAT


def widen(model: ir.Model) -> bool:
    """Turn every half-precision tensor inside into float32; inputs and outputs keep their types by a Cast."""
    graph = model.graph
    if not any(v.dtype in HALF for v in _values(graph)):
        return False
    narrow = [v.dtype if v.dtype in HALF else None for v in graph.outputs]
    for v in list(graph.initializers.values()):
        _widen_constant(v)
    for node in graph.all_nodes():
        _widen_node(node)
    for v in list(graph.inputs):
        if v.dtype in HALF:
            _cast_input(graph, v)
    for i, (v, half) in enumerate(zip(list(graph.outputs), narrow, strict=True)):
        if half is not None:
            graph.outputs[i] = _cast_output(graph, v, half)
    return True


def _values(graph: ir.Graph) -> list[ir.Value]:
    return [*graph.inputs, *graph.initializers.values(), *(v for n in graph.all_nodes() for v in n.outputs)]


def _widen_constant(v: ir.Value) -> None:
    if v.dtype in HALF and v.const_value is not None:
        v.const_value = ir.tensor(v.const_value.numpy().astype(np.float32), name=v.name)
        v.dtype = FLOAT


def _widen_node(node: ir.Node) -> None:
    for a in list(node.attributes.values()):
        if a.type == ir.AttributeType.TENSOR and a.as_tensor().dtype in HALF:
            node.attributes[a.name] = ir.AttrTensor(
                a.name, ir.tensor(a.as_tensor().numpy().astype(np.float32))
            )
        elif node.op_type == "Cast" and a.name == "to" and a.as_int() in [int(h) for h in HALF]:
            node.attributes["to"] = ir.AttrInt64("to", int(FLOAT))
    for v in node.outputs:
        if v.dtype in HALF:
            v.dtype = FLOAT


def _cast_input(graph: ir.Graph, v: ir.Value) -> None:
    node = ir.node("Cast", [v], {"to": int(FLOAT)}, name=f"{v.name}/widened")
    wide = node.outputs[0]
    wide.name, wide.dtype, wide.shape = f"{v.name}/float32", FLOAT, v.shape
    ir.convenience.replace_all_uses_with(v, wide)
    node.replace_input_with(0, v)
    first = next(iter(graph), None)
    graph.append(node) if first is None else graph.insert_before(first, node)


def _cast_output(graph: ir.Graph, v: ir.Value, half: ir.DataType) -> ir.Value:
    name = v.name
    v.dtype, v.name = FLOAT, f"{name}/float32"
    node = ir.node("Cast", [v], {"to": int(half)}, name=f"{name}/narrowed")
    out = node.outputs[0]
    out.name, out.dtype, out.shape = name, half, v.shape
    graph.append(node)
    return out
