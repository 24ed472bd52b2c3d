"""Give a model's inputs the shapes of a request and infer all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from ..constant import add_constant
from .expand import settle

BATCH = "N"
JOINT = "onnxplain.joint"
"""Mark of the Where that joins a deployed node to its dequantised form."""


def set_input_shapes(model: ir.Model, shapes: Mapping[str, Sequence[int | str | None]]) -> None:
    """Set the shapes of the named inputs; an axis of unknown length is a symbol or None."""
    for value in model.graph.inputs:
        if value.name is not None and value.name in shapes:
            value.shape = ir.Shape(list(shapes[value.name]))


def set_input_values(model: ir.Model, values: Mapping[str, np.ndarray]) -> None:
    """Let constants be read in place of these inputs."""
    for v in model.graph.inputs:
        if v.name is not None and v.name in values:
            known = add_constant(model.graph, values[v.name], f"{v.name}/value")
            ir.convenience.replace_all_uses_with(v, known)


def infer(model: ir.Model) -> None:
    """Forget what is known of inner tensors and infer it anew, sizes computed inside the graph included."""
    for node in model.graph:
        for v in node.outputs:
            v.shape = None
    for v in model.graph.outputs:
        v.shape = None
    common.ShapeInferencePass(check_type=False, strict_mode=False, data_prop=True)(model)
    if any(n.domain not in ("", "ai.onnx") for n in model.graph):
        _infer_behind(model)


def _infer_behind(model: ir.Model) -> None:
    """Go on behind operators that only the runtime knows: those that stand beside a dequantised form have its shape."""
    version = model.opset_imports.get("", 23)
    for node in model.graph:
        if node.metadata_props.get(JOINT):
            node.outputs[0].shape = node.inputs[1].shape if node.inputs[1] is not None else None
        else:
            settle(node, version)
