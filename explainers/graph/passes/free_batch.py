"""Free the batch axis of a model that was exported for a fixed number of items."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from ..build import static_shape
from ..constant import Numbers, add_constant
from .shapes import infer, set_input_shapes


def free_batch(model: ir.Model, shapes: Mapping[str, list[int | str | None]], fixed: int) -> bool:
    """Put N where the exported number of items stood; say whether every output then has N items.

    Only a candidate: whether the freed model computes the same is shown by running both.
    """
    infer(model)
    exported = {n: static_shape(n.outputs[0]) for n in model.graph if n.op_type == "Reshape"}
    set_input_shapes(model, shapes)
    for _ in range(len(model.graph)):
        infer(model)
        if not _free_one(model.graph, fixed, exported):
            break
    return all(v.shape is None or _leads(v) for v in model.graph.outputs)


def _leads(v: ir.Value) -> bool:
    return v.shape is not None and len(v.shape) > 0 and not isinstance(v.shape[0], int)


def _free_one(graph: ir.Graph, fixed: int, exported: Mapping[ir.Node, list[int] | None]) -> bool:
    """Rewrite the first target shape that still names the fixed number of items; say whether there was one."""
    for node in graph:
        if node.op_type not in ("Reshape", "Expand") or len(node.inputs) < 2:
            continue
        data, target = node.inputs[0], node.inputs[1]
        if data is None or target is None or target.const_value is None or not _leads(data):
            continue
        freed = _freed(node.op_type, target.const_value.numpy(), fixed, exported.get(node))
        if freed is not None:
            _set_target(graph, node, freed)
            return True
    return False


def _freed(operator: str, dims: Numbers, fixed: int, exported: list[int] | None) -> Numbers | None:
    """Return the target with its first axis left to the data, or None where it names no fixed size in front."""
    if not len(dims) or dims[0] in (0, -1):
        return None
    dims = dims.copy()
    if operator == "Expand":
        # 1 leaves the axis as it is
        dims[0], freed = 1, dims[0] == fixed and fixed != 1
        return dims if freed else None
    if (dims > 0).all():
        # items lead, so that whatever else the first axis counts, N times as much of it is there
        dims[0] = -1
        return dims
    if dims[0] != fixed:
        if exported is None:
            return None
        # items times something lead, and another axis was left to be found: its length is known from the export
        dims[:] = exported
        dims[0] = -1
        return dims
    dims[0] = 0
    return dims


def _set_target(graph: ir.Graph, node: ir.Node, dims: Numbers) -> None:
    value = add_constant(graph, dims, f"{node.outputs[0].name}/freed_shape")
    node.replace_input_with(1, value)
