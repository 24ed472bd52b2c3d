"""Integrated and expected gradients against Captum and against what must hold."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest
import torch
from captum.attr import IntegratedGradients
from reference import networks
from reference.small_models import small_inputs, small_model

import explainers
from explainers.driving.path import quadrature
from explainers.errors import InvalidRequest


def headless(model):
    last = isinstance(model[-1], torch.nn.Softmax | torch.nn.Sigmoid)
    return model[:-1] if last else model


def explain(model, x, **params):
    loaded = explainers.load(networks.exported(model.float(), x.float()))
    return explainers.explain(loaded, {"input": x.float().numpy()}, "integrated_gradients", params, target=1)


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("name", networks.BUILD)
@pytest.mark.parametrize(
    ("rule", "theirs"), [("gauss_legendre", "gausslegendre"), ("riemann", "riemann_middle")]
)
def test_equals_captum(name, rule, theirs):
    model, x = networks.network(name)
    found = explain(model, x, steps=20, rule=rule).attributions["input"]
    oracle = IntegratedGradients(headless(model).double())

    assert distance(found, oracle.attribute(x, target=1, n_steps=20, method=theirs).numpy()) < 1e-5


def test_equals_captum_from_another_baseline_without_the_inputs():
    model, x = networks.network("cnn")
    found = explain(model, x, steps=10, baseline=x[0].numpy(), multiply_by_inputs=False).attributions["input"]
    oracle = IntegratedGradients(model.double(), multiply_by_inputs=False)

    # captum divides by the path where it does not multiply: its mean gradient is the same
    theirs = oracle.attribute(x, x[:1].expand_as(x), target=1, n_steps=10).numpy()
    assert distance(found, theirs) < 1e-5


def test_the_trapezoid_s_weights_sum_to_one():
    # captum's sum to (n - 1) / n
    for rule in ("trapezoid", "riemann", "gauss_legendre"):
        for steps in (1, 2, 7, 1000):
            points, weights = quadrature(rule, steps)
            assert weights.sum() == pytest.approx(1)
            assert (weights @ points) == pytest.approx(0.5)
            assert len(points) == steps


@pytest.mark.parametrize("name", ["cnn", "residual"])
def test_a_tolerance_is_reached_on_relu_networks_item_by_item(name):
    model, x = networks.network(name)
    account = explain(model, x, tolerance=1e-3, steps=4).account

    assert np.abs(account.per_item["delta"]).max() < 1e-3
    assert len(set(account.per_item["steps"])) > 1
    assert not account.warnings


def test_a_tolerance_that_is_out_of_reach_is_reported():
    params, model = {"tolerance": 1e-15, "steps": 1 << 13}, explainers.load(small_model("smooth"))
    account = explainers.explain(model, small_inputs("smooth"), "integrated_gradients", params).account

    assert "2 items do not reach the tolerance within 16384 steps" in account.warnings[0]


@pytest.mark.parametrize("baseline", ["zeros", "mean", "blur", -1.5, {"input": "mean"}])
def test_delta_is_what_the_sum_misses(baseline):
    model, x = networks.network("cnn")
    account = explain(model, x, baseline=baseline).account
    sums = np.array(account.score) - account.per_item["baseline_score"] - account.per_item["delta"]

    np.testing.assert_allclose(account.attribution_sum, sums, atol=1e-5)


def test_the_account_says_that_logits_are_explained():
    model, x = networks.network("mlp")
    account = explain(model, x).account

    assert account.logits
    np.testing.assert_allclose(account.score, headless(model.double())(x)[:, 1].detach(), rtol=1e-5)


def test_the_account_of_a_quantised_model_says_how_far_it_drifts():
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        quantised (float[N, 2] input) => (float[N, 1] output)
        <float s = {0.1}, int8 z = {3}, float[2, 1] w = {1, -2}> {
            steps = QuantizeLinear (input, s, z)
            back = DequantizeLinear (steps, s, z)
            output = MatMul (back, w)
        }
    """)
    )
    x = np.array([[0.33, -0.71], [1.2, 3.4]], np.float32)
    account = explainers.explain(model, x, "integrated_gradients").account

    assert account.per_item["drift"] == explainers.explain(model, x, "gradient").account.per_item["drift"]


def test_what_all_items_share_is_held_fixed():
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        shared (float[N, 2] input, float[2] state) => (float[N, 2] output) { output = Mul (input, state) }
    """),
        {"inputs": {"state": {"batch_axis": None}}},
    )
    inputs = {"input": np.ones((3, 2), np.float32), "state": np.array([2, 5], np.float32)}
    found = explainers.explain(model, inputs, "integrated_gradients", target=1)

    np.testing.assert_allclose(found.attributions["input"], [[0, 5]] * 3, rtol=1e-6)
    assert list(found.account.held_fixed) == ["state"]
    with pytest.raises(InvalidRequest, match="shared by all items"):
        explainers.explain(model, inputs, "integrated_gradients", {"explain_inputs": ["state"]}, target=1)


def test_half_precision_is_moved_in_single_precision():
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        half (float16[N, 2] input) => (float16[N, 1] output) <float[2, 1] wide = {1, -2}> {
            w = Cast <to = 10> (wide)
            square = Mul (input, input)
            output = MatMul (square, w)
        }
    """)
    )
    found = explainers.explain(model, np.array([[3, 2]], np.float16), "integrated_gradients").attributions[
        "input"
    ]

    np.testing.assert_allclose(found, [[9, -8]], rtol=1e-5)


def test_images_of_bytes_are_moved_as_floats():
    model = explainers.load(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        bytes (uint8[N, 2] input) => (float[N, 1] output) <float[2, 1] w = {1, -2}> {
            real = Cast <to = 1> (input)
            square = Mul (real, real)
            output = MatMul (square, w)
        }
    """)
    )
    found = explainers.explain(model, np.array([[3, 2]], np.uint8), "integrated_gradients").attributions[
        "input"
    ]

    np.testing.assert_allclose(found, [[9, -8]], rtol=1e-5)


def tokens_by_hand(ids, target, steps):
    """Integrated gradients over both embeddings of the token model, in torch."""
    w = {i.name: torch.tensor(np.array(explainers_array(i))) for i in small_model("tokens").graph.initializer}
    here, gate = w["table"][ids], w["gates"][ids]
    total = [0.0, 0.0]
    for a in (torch.arange(steps) + 0.5) / steps:
        at = [(a * e).requires_grad_() for e in (here, gate)]
        mean = (at[0] * torch.sigmoid(at[1])).mean(1)
        score = (torch.tanh(mean) @ w["v"] + w["c"])[:, target].sum()
        total = [t + g for t, g in zip(total, torch.autograd.grad(score, at), strict=True)]
    return sum((t / steps * e).sum(-1) for t, e in zip(total, (here, gate), strict=True)).numpy()


def explainers_array(initializer):
    from onnx import numpy_helper

    return numpy_helper.to_array(initializer)


def test_tokens_start_from_zero_embeddings():
    inputs = small_inputs("tokens")
    found = explainers.explain(
        explainers.load(small_model("tokens")), inputs, "integrated_gradients", {"rule": "riemann"}, target=2
    )

    by_hand = tokens_by_hand(inputs["ids"], 2, 50)
    np.testing.assert_allclose(found.attributions["ids"], by_hand, rtol=1e-4, atol=1e-6)


def test_an_inner_tensor_is_explained_on_its_own_path():
    inputs, model = small_inputs("smooth"), explainers.load(small_model("smooth"))
    found = explainers.explain(model, inputs, "integrated_gradients", {"at": "hidden"}, target=0)

    # above the hidden layer the model is linear
    by_product = explainers.explain(model, inputs, "input_x_gradient", {"at": "hidden"}, target=0)
    np.testing.assert_allclose(
        found.attributions["hidden"], by_product.attributions["hidden"], rtol=1e-5, atol=1e-6
    )


def test_expected_gradients_average_over_the_data():
    rng = np.random.default_rng(0)
    data, model = rng.normal(size=(10, 5)), explainers.load(small_model("smooth"))
    explain_one = lambda **p: explainers.explain(  # noqa: E731
        model, small_inputs("smooth"), "integrated_gradients", p, target=0
    )
    each = [explain_one(baseline=row).attributions["input"] for row in data]
    found = explain_one(data=data, steps=5000)

    error = found.arrays["error.input"]
    assert (np.abs(found.attributions["input"] - np.mean(each, 0)) <= 4 * error + 1e-3).all()
    assert np.abs(found.account.per_item["delta"]).max() < 1e-2


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"baseline": [1, 2]}, "/params/baseline"),
        ({"baseline": {"input": [1, 2]}}, "/params/baseline/input"),
        ({"baseline": {"other": 0}}, "/params/baseline/other"),
        ({"baseline": [[1], [1, 2]]}, "/params/baseline"),
        ({"baseline": [float("nan")]}, "/params/baseline"),
        ({"data": [[1, 2]]}, "/params/data"),
        ({"data": "mine"}, "/params/data"),
        ({"steps": 0}, "/params/steps"),
        ({"tolerance": -1}, "/params/tolerance"),
        ({"at": "nowhere"}, "/params/at"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(params, pointer):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(
            explainers.load(small_model("smooth")), small_inputs("smooth"), "integrated_gradients", params
        )

    pointers = {e["pointer"] for e in refused.value.to_json()["errors"]}
    assert pointers == {pointer}
