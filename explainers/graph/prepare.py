"""The passes that turn a checked model into the graph that explanations are built on, in their order."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from .build import Dims, dimensions
from .passes.batch_norm import fold_batch_norm
from .passes.constants import fold_constants
from .passes.opset import inline_functions, to_opset
from .passes.probe import is_vague, sharpen
from .passes.shapes import BATCH, infer, set_input_shapes
from .passes.softmax import unflatten_softmax
from .passes.widen import widen

Shapes = Mapping[str, list[int | str | None]]


def to_ir(proto: onnx.ModelProto) -> ir.Model:
    """Return the model as an onnx_ir model whose constants are initializers and no inputs."""
    model = ir.from_proto(proto)
    # before version 4 of the IR every initializer had to be an input too
    model.ir_version = max(model.ir_version or 0, 10)
    common.RemoveInitializersFromInputsPass()(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    return model


def prepare(proto: onnx.ModelProto, shapes: Shapes, keep: Collection[str] = ()) -> ir.Model:
    """Return the model in one opset, its attributes explicit, its shapes inferred, its constants folded, in float32 or 64.

    Tensors named in `keep` keep their values: nothing is merged across them.
    """
    converted = to_opset(inline_functions(proto))
    model = _prepare(converted, shapes, keep)
    if any(BATCH in s for s in shapes.values()) and is_vague(model):
        sharpen(model, lambda items: _shapes_for(converted, shapes, keep, items))
    return model


def _shapes_for(proto: onnx.ModelProto, shapes: Shapes, keep: Collection[str], items: int) -> dict[str, Dims]:
    concrete = {n: [items if d == BATCH else d for d in s] for n, s in shapes.items()}
    model = _prepare(proto, concrete, keep)
    return {v.name or "": dimensions(v) for node in model.graph for v in node.outputs}


def _prepare(proto: onnx.ModelProto, shapes: Shapes, keep: Collection[str]) -> ir.Model:
    model = to_ir(proto)
    name_nodes(model)
    set_input_shapes(model, shapes)
    infer(model)
    widen(model)
    unflatten_softmax(model)
    fold_constants(model)
    fold_batch_norm(model, keep)
    common.AddDefaultAttributesPass()(model)
    common.RemoveUnusedNodesPass()(model)
    infer(model)
    return model


def name_nodes(model: ir.Model) -> None:
    """Give every node a name of its own, after its first output where it has none."""
    taken: set[str] = set()
    for node in model.graph.all_nodes():
        name = base = node.name or node.outputs[0].name or node.op_type
        count = 1
        while name in taken:
            name, count = f"{base}#{count}", count + 1
        taken.add(name)
        node.name = name
