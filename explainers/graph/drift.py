"""How far a quantised model has moved from the one it was made of: its explained tensor without any rounding."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from ..ops.quantiser import along
from .build import Builder
from .passes.expand import KEPT
from .passes.shapes import JOINT
from .paths import is_float, node_inputs
from .table import attributes

Unrounded = dict[ir.Value, ir.Value]
"""What a tensor would be if nothing were rounded; of a quantised tensor, its steps as real numbers."""


def unrounded(op: Builder, graph: ir.Graph, target: ir.Value) -> ir.Value | None:
    """Return the target computed again with quantisers that clip and do not round; None where nothing is quantised."""
    behind = _behind(target)
    found: Unrounded = {}
    for node in [n for n in graph if n in behind]:
        if KEPT in node.metadata_props:
            continue
        if node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear") and node.inputs[0] is not None:
            found[node.outputs[0]] = _quantised(op, node, found)
        elif any(v in found for v in node_inputs(node)):
            _again(op, node, found)
    return found.get(target)


def _behind(target: ir.Value) -> set[ir.Node]:
    """Return the nodes that the target depends on."""
    found: set[ir.Node] = set()
    queue = [target]
    while queue:
        node = queue.pop().producer()
        if node is not None and node not in found:
            found.add(node)
            queue.extend(node_inputs(node))
    return found


def _quantised(op: Any, node: ir.Node, found: Unrounded) -> ir.Value:
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    scale: ir.Value | None
    zero: ir.Value | None
    if node.op_type == "DynamicQuantizeLinear":
        scale, zero, where = node.outputs[1], node.outputs[2], (0, 0)
    else:
        given = attributes(node)
        scale, zero = node.inputs[1], node.inputs[2] if len(node.inputs) > 2 else None
        where = (given.get("axis", 1), given.get("block_size", 0))
    steps = op.Div(found.get(x, x), along(op, scale, x, *where))
    if zero is not None:
        steps = op.Add(steps, along(op, op.CastLike(zero, steps), x, *where))
    kind = y.dtype or ir.DataType.UINT8
    return _shaped(op.Clip(steps, float(kind.min), float(kind.max)), y)


def _again(op: Any, node: ir.Node, found: Unrounded) -> None:
    """Compute a node once more from what its inputs would be."""
    first = node.inputs[0]
    if JOINT in node.metadata_props and node.inputs[1] in found:
        found[node.outputs[0]] = found[node.inputs[1]]
    elif node.op_type == "DequantizeLinear" and first in found:
        found[node.outputs[0]] = _shaped(_dequantised(op, node, found[first]), node.outputs[0])
    elif all(
        is_float(v) or any(x in found and x.dtype == v.dtype for x in node_inputs(node))
        for v in node.outputs[:1]
    ):
        inputs = [_real(op, v, found) for v in node.inputs]
        outputs = op.node(
            node.op_type, inputs, attributes(node), outputs=len(node.outputs), domain=node.domain
        )
        for old, new in zip(node.outputs, outputs if isinstance(outputs, tuple) else (outputs,), strict=True):
            new.dtype = old.dtype if is_float(old) else new.dtype
            found[old] = _shaped(new, old)


def _dequantised(op: Any, node: ir.Node, steps: ir.Value) -> ir.Value:
    given, (q, scale, *zero) = attributes(node), node.inputs
    where = (given.get("axis", 1), given.get("block_size", 0))
    if zero and zero[0] is not None:
        steps = op.Sub(steps, along(op, op.CastLike(zero[0], steps), q, *where))
    out: ir.Value = op.Mul(steps, along(op, scale, q, *where))
    return out


def _real(op: Any, v: ir.Value | None, found: Unrounded) -> ir.Value | None:
    """Return what an input would be; a constant of steps beside steps becomes real numbers too."""
    if v is None or v in found or v.dtype not in (ir.DataType.INT8, ir.DataType.UINT8):
        return None if v is None else found.get(v, v)
    cast: ir.Value = op.Cast(v, to=int(ir.DataType.FLOAT))
    return cast


def _shaped(v: ir.Value, like: ir.Value) -> ir.Value:
    v.shape = like.shape
    return v
