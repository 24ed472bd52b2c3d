"""One-layer networks against the attributions that iNNvestigate computed for them (its z⁺ and w² leave the bias out)."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import explainers

FILE = (
    Path(os.environ.get("ONNXPLAIN_CASES", "no cases"))
    / "peers"
    / "innvestigate"
    / "innvestigate_layer_references.npz"
)
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="needs ONNXPLAIN_CASES")
DROP = {"bias": "drop"}
ANALYZERS = {
    "Gradient": ("gradient", {}),
    "InputTimesGradient": ("input_x_gradient", {}),
    "GuidedBackprop": ("guided_backprop", {}),
    "Deconvnet": ("deconvnet", {}),
    "LRPZ": ("lrp", {"composite": "epsilon", "epsilon": 1e-7}),
    "LRPZIgnoreBias": ("lrp", {"composite": "epsilon", "epsilon": 1e-7} | DROP),
    "LRPEpsilon": ("lrp", {"composite": "epsilon", "epsilon": 1e-7}),
    "LRPEpsilonIgnoreBias": ("lrp", {"composite": "epsilon", "epsilon": 1e-7} | DROP),
    "LRPFlat": ("lrp", {"composite": "flat"}),
    "LRPWSquare": ("lrp", {"composite": "w_square"} | DROP),
    "LRPZPlus": ("lrp", {"composite": "z_plus"} | DROP),
    "LRPAlpha1Beta0": ("lrp", {"composite": "alpha1_beta0"}),
    "LRPAlpha1Beta0IgnoreBias": ("lrp", {"composite": "alpha1_beta0"} | DROP),
    "LRPAlpha2Beta1": ("lrp", {"composite": "alpha2_beta1"}),
    "LRPAlpha2Beta1IgnoreBias": ("lrp", {"composite": "alpha2_beta1"} | DROP),
}
LAYERS = ["Dense", "Dense_relu", "Conv2D", "Conv2D_relu", "AveragePooling2D", "MaxPooling2D"]


@cache
def references():
    return dict(np.load(FILE, allow_pickle=False))


def network(layer, weights):
    """Return a layer over (N, 10, 10, 3) as a model: channels last, flattened."""
    node = helper.make_node
    kernel = [np.transpose(w, (3, 2, 0, 1)) if w.ndim == 4 else w for w in weights]
    arrays = [numpy_helper.from_array(np.ascontiguousarray(w), n) for w, n in zip(kernel, "wb", strict=False)]
    if layer.startswith("Dense"):
        nodes = [node("MatMul", ["input", "w"], ["z"]), node("Add", ["z", "b"], ["a"])]
    else:
        inner = {
            "C": node("Conv", ["t", "w", "b"], ["u"]),
            "A": node("AveragePool", ["t"], ["u"], kernel_shape=[2, 2], strides=[2, 2]),
            "M": node("MaxPool", ["t"], ["u"], kernel_shape=[2, 2], strides=[2, 2]),
        }[layer[0]]
        nodes = [
            node("Transpose", ["input"], ["t"], perm=[0, 3, 1, 2]),
            inner,
            node("Transpose", ["u"], ["a"], perm=[0, 2, 3, 1]),
        ]
    nodes += [node("Relu", ["a"], ["r"])] if "relu" in layer else []
    nodes.append(node("Flatten", [nodes[-1].output[0]], ["output"]))
    graph = helper.make_graph(
        nodes,
        layer,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 10, 10, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", None])],
        arrays,
    )
    return explainers.load(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    )


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("analyzer", ANALYZERS)
def test_equals_innvestigate(analyzer, layer):
    known, (method, params) = references(), ANALYZERS[analyzer]
    at = f"{analyzer}/{layer}"
    if method == "lrp":
        params = params | {"stabilizer": {"epsilon": 1e-7}}
    model = network(layer, [known[f"{at}/w{i}"] for i in range(2) if f"{at}/w{i}" in known])
    found = explainers.explain(model, known["input"], method, params, target="argmax")
    np.testing.assert_allclose(found.outputs["output"], known[f"{at}/output"], rtol=1e-4, atol=1e-5)
    expected, ours = known[f"{at}/attribution"], found.attributions["input"]
    if method in ("guided_backprop", "deconvnet"):
        # there these start at the output's value, here at 1
        ours = ours * np.array(found.account.score).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
