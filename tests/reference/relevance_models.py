"""One linear operator as a model in float64, of every kind that the rules must serve."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

DOUBLE = onnx.TensorProto.DOUBLE


def model(
    nodes: list[onnx.NodeProto], shape: tuple[int, ...], weights: dict[str, Any], opset: int = 23
) -> onnx.ModelProto:
    """Return a model from x (N, *shape) to y, of the weights' type."""
    arrays = [numpy_helper.from_array(np.asarray(a), n) for n, a in weights.items()]
    kind = arrays[0].data_type if arrays else DOUBLE
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, ["N", *shape])],
        [helper.make_tensor_value_info("y", kind, None)],
        arrays,
    )
    return onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    )


def linear(
    kind: str, *, bias: bool, shape: tuple[int, ...], kernel: tuple[int, ...], **attributes: Any
) -> onnx.ModelProto:
    """Return a model of one operator with random weights."""
    rng = np.random.default_rng(len(shape) + bias)
    # onnx's evaluator of groups is not to be trusted, and the runtime has no convolution in float64
    kind_of_number = np.float32 if "group" in attributes else np.float64
    channels = kernel[1] * attributes.get("group", 1) if kind == "ConvTranspose" else kernel[0]
    weights = {"w": rng.normal(size=kernel)} | ({"b": rng.normal(size=channels)} if bias else {})
    inputs = ["x", *weights]
    if kind == "MatMul":
        weights = {"w": rng.normal(size=kernel)} | ({"b": rng.normal(size=kernel[-1])} if bias else {})
        nodes = [helper.make_node("MatMul", ["x", "w"], ["z" if bias else "y"])]
        return model(nodes + ([helper.make_node("Add", ["b", "z"], ["y"])] if bias else []), shape, weights)
    typed = {n: a.astype(kind_of_number) for n, a in weights.items()}
    return model([helper.make_node(kind, inputs, ["y"], **attributes)], shape, typed)


def run(proto: onnx.ModelProto, **feeds: Any) -> dict[str, Any]:
    """Run a model: float64 by onnx's evaluator, float32 by the runtime."""
    names = [o.name for o in proto.graph.output]
    if proto.graph.input[0].type.tensor_type.elem_type == DOUBLE:
        return dict(zip(names, ReferenceEvaluator(proto).run(None, feeds), strict=True))
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(
        zip(names, session.run(None, {n: np.asarray(a, np.float32) for n, a in feeds.items()}), strict=True)
    )


OPERATORS: dict[str, dict[str, Any]] = {
    "Gemm": {"kind": "Gemm", "shape": (5,), "kernel": (4, 5), "transB": 1},
    "Gemm scaled": {
        "kind": "Gemm",
        "shape": (5,),
        "kernel": (4, 5),
        "transB": 1,
        "alpha": -0.5,
        "beta": -2.0,
    },
    "MatMul": {"kind": "MatMul", "shape": (3, 4), "kernel": (4, 5)},
    "Conv 1-D, stride, dilation": {
        "kind": "Conv",
        "shape": (2, 9),
        "kernel": (3, 2, 3),
        "strides": [2],
        "dilations": [2],
        "pads": [2, 1],
    },
    "Conv 2-D": {"kind": "Conv", "shape": (2, 4, 5), "kernel": (3, 2, 3, 3), "pads": [1, 1, 1, 1]},
    "Conv 2-D, groups, stride": {
        "kind": "Conv",
        "shape": (4, 5, 4),
        "kernel": (6, 2, 3, 2),
        "group": 2,
        "strides": [2, 1],
    },
    "Conv 3-D": {
        "kind": "Conv",
        "shape": (1, 3, 3, 4),
        "kernel": (2, 1, 2, 2, 2),
        "pads": [0, 0, 1, 0, 0, 1],
    },
    "ConvTranspose 2-D": {
        "kind": "ConvTranspose",
        "shape": (2, 3, 3),
        "kernel": (2, 3, 3, 3),
        "strides": [2, 2],
        "pads": [1, 1, 1, 1],
        "output_padding": [1, 1],
    },
    "ConvTranspose 1-D, groups": {"kind": "ConvTranspose", "shape": (4, 5), "kernel": (4, 2, 3), "group": 2},
}
