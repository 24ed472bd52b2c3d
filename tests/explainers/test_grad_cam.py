"""Grad-CAM against Captum and PyTorch's interpolation, Grad-CAM++ against a numpy writing."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest
import torch
from captum.attr import LayerGradCam
from onnx import numpy_helper
from reference import layered, networks
from reference.small_models import small_inputs, small_model

import explainers
from explainers.errors import InvalidRequest

NETWORKS = {
    "image": (layered.Convolutional, (2, 3, 16, 16), "bilinear"),
    "series": (layered.Series, (2, 2, 17), "linear"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_equals_captum_and_its_upsampling(name):
    build, shape, mode = NETWORKS[name]
    torch.manual_seed(1)
    model, x = build(), torch.randn(shape)
    loaded = explainers.load(networks.exported(model, x))
    found = explainers.explain(loaded, {"input": x.numpy()}, "grad_cam", target=1)
    theirs = LayerGradCam(model, model.second).attribute(x, target=1, relu_attributions=True).detach()
    (map_name,) = [n for n in found.arrays if n.startswith("map.")]

    np.testing.assert_allclose(found.arrays[map_name], theirs, rtol=1e-4, atol=1e-7)
    wide = torch.nn.functional.interpolate(theirs, shape[2:], mode=mode).expand(shape).numpy()
    np.testing.assert_allclose(found.attributions["input"], wide, rtol=1e-4, atol=1e-7)
    assert wide.any()


def test_plus_plus_equals_the_paper_s_formula():
    model, inputs = explainers.load(small_model("image")), small_inputs("image")
    found = explainers.explain(model, inputs, "grad_cam", {"plus_plus": True, "layer": "active"}, target=0)
    g = (
        explainers.explain(model, inputs, "gradient", {"at": "active"}, target=0)
        .attributions["active"]
        .astype(float)
    )
    # input x gradient is 0 where the gradient is, and so are the weights
    product = explainers.explain(model, inputs, "input_x_gradient", {"at": "active"}, target=0)
    a = np.divide(product.attributions["active"], g, out=np.zeros_like(g), where=g != 0)

    assert np.allclose(found.arrays["map.active"], plus_plus(model, inputs, g, a), rtol=1e-3, atol=1e-6)


def plus_plus(model, inputs, g, a):
    """Chattopadhay et al., 2018, equations 10, 19 and 5."""
    maps = model.forward(inputs, explainers.model.Place(), ("active",)).run(inputs, ["active"])["active"]
    assert np.allclose(maps[g != 0], a[g != 0], rtol=1e-4)
    below = 2 * g**2 + maps.sum((2, 3), keepdims=True) * g**3
    alpha = np.divide(g**2, below, out=np.zeros_like(g), where=np.abs(below) > 1e-12)
    weights = (alpha * np.maximum(g, 0)).sum((2, 3), keepdims=True)
    return np.maximum((weights * maps).sum(1, keepdims=True), 0)


def test_channels_last_images_keep_their_shape():
    proto = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        last (float[N, 8, 8, 3] input) => (float[N, 2, 1, 1] output) {
            first = Transpose <perm = [0, 3, 1, 2]> (input)
            maps = Conv <strides = [2, 2]> (first, w)
            output = GlobalAveragePool (maps)
        }
    """)
    w = np.random.default_rng(1).normal(size=(2, 3, 3, 3)).astype(np.float32)
    proto.graph.initializer.append(numpy_helper.from_array(w, "w"))
    model = explainers.load(proto)
    x = np.random.default_rng(0).random((2, 8, 8, 3)).astype(np.float32)
    found = explainers.explain(model, x, "grad_cam", target=0).attributions["input"]

    assert found.shape == x.shape
    assert (found == found[..., :1]).all()
    assert found.std((1, 2)).min() > 0


@pytest.mark.parametrize(
    ("model", "params", "says"),
    [
        ("image", {"layer": "nowhere"}, "near it"),
        ("image", {"layer": "flat"}, "feature maps"),
        ("image", {"layer": "output"}, "does not depend on"),
        ("smooth", {}, "no convolution"),
    ],
)
def test_a_layer_that_is_none_is_refused(model, params, says):
    with pytest.raises(InvalidRequest, match=says) as refused:
        explainers.explain(explainers.load(small_model(model)), small_inputs(model), "grad_cam", params)

    assert refused.value.pointer == "/params/layer"
