"""Give a model's inputs the shapes of a request and infer all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir
from onnx_ir.passes import common

BATCH = "N"


def set_input_shapes(model: ir.Model, shapes: Mapping[str, Sequence[int | str | None]]) -> None:
    """Set the shapes of the named inputs; an axis of unknown length is a symbol or None."""
    for value in model.graph.inputs:
        if value.name is not None and value.name in shapes:
            value.shape = ir.Shape(list(shapes[value.name]))


def infer(model: ir.Model) -> None:
    """Forget what is known of inner tensors and infer it anew, sizes computed inside the graph included."""
    for node in model.graph:
        for v in node.outputs:
            v.shape = None
    for v in model.graph.outputs:
        v.shape = None
    common.ShapeInferencePass(check_type=False, strict_mode=False, data_prop=True)(model)
