"""Densities as ONNX models: `x`, items first, to `log_p` (N,)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..types import Array

OUTPUT = "log_p"
OPSET = 18


def density_model(
    shape: Sequence[int], nodes: Sequence[onnx.NodeProto], weights: dict[str, Array]
) -> onnx.ModelProto:
    """Return a density over items of a shape; the nodes lead from `flat` (N, values) to `log_p`."""
    tensors = [
        numpy_helper.from_array(a.astype(np.float32) if a.dtype.kind == "f" else a, n)
        for n, a in weights.items()
    ]
    graph = helper.make_graph(
        [node("Flatten", ["x"], "flat", axis=1), *nodes],
        "density",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N"])],
        tensors,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9, producer_name="onnxplain")
    onnx.checker.check_model(model)
    return model


def node(operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> onnx.NodeProto:
    """Return a node that is called as its output."""
    return helper.make_node(operator, list(inputs), [output], output, **attributes)
