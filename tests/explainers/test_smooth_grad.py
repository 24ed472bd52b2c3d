"""SmoothGrad and its kin: without noise the method itself, with noise as by hand and as in Captum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import NoiseTunnel, Saliency
from reference import networks
from reference.small_models import small_inputs, small_model

import explainers
from explainers.driving.noise import Moments
from explainers.errors import InvalidRequest

OF = [
    "gradient",
    "sensitivity",
    "input_x_gradient",
    "integrated_gradients",
    "simple_taylor",
    "grad_cam",
    "deep_lift",
]


@pytest.fixture(scope="module")
def image():
    return explainers.load(small_model("image"))


@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize(
    ("reduce", "expected"), [("mean", lambda a: a), ("square", np.square), ("variance", np.zeros_like)]
)
def test_without_noise_it_is_the_method_itself(image, of, reduce, expected):
    params = {"of": of, "noise": 0, "samples": 3, "reduce": reduce}
    found = explainers.explain(image, small_inputs("image"), "smooth_grad", params).attributions["input"]
    itself = explainers.explain(image, small_inputs("image"), of).attributions["input"]

    np.testing.assert_allclose(found, expected(itself), rtol=1e-5, atol=1e-7)


def test_tokens_without_noise_are_the_method_itself():
    model, inputs = explainers.load(small_model("tokens")), small_inputs("tokens")
    for of in ("gradient", "sensitivity", "input_x_gradient"):
        found = explainers.explain(model, inputs, "smooth_grad", {"of": of, "noise": 0, "samples": 2})
        itself = explainers.explain(model, inputs, of)
        np.testing.assert_allclose(found.attributions["ids"], itself.attributions["ids"], rtol=1e-5)


def test_equals_a_loop_over_its_own_noise(image):
    x = small_inputs("image", items=1)["input"]
    rng = np.random.default_rng(7)
    spread = 0.2 * float(x.max() - x.min())
    noisy = np.concatenate([(x + spread * rng.standard_normal(x.shape)).astype(np.float32) for _ in range(6)])
    each = explainers.explain(image, noisy, "gradient", target=1).attributions["input"].astype(float)
    for reduce, expected in (
        ("mean", each.mean(0)),
        ("square", (each**2).mean(0)),
        ("variance", each.var(0)),
    ):
        params = {"samples": 6, "noise": 0.2, "reduce": reduce}
        found = explainers.explain(image, x, "smooth_grad", params, target=1, seed=7).attributions["input"][0]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("reduce", "theirs"), [("mean", "smoothgrad"), ("square", "smoothgrad_sq"), ("variance", "vargrad")]
)
def test_agrees_with_captum_within_the_standard_error(reduce, theirs):
    model, x = networks.network("mlp")
    loaded = explainers.load(networks.exported(model.float(), x.float()))
    x = x[:1].float()
    found = explainers.explain(
        loaded, x.numpy(), "smooth_grad", {"samples": 4000, "noise": 0.2, "reduce": reduce}, target=1
    )
    torch.manual_seed(0)
    spread = 0.2 * float(x.max() - x.min())
    oracle = NoiseTunnel(Saliency(model[:-1])).attribute(
        x, nt_type=theirs, nt_samples=4000, stdevs=spread, target=1, abs=False
    )
    error = found.arrays["error.input"]

    assert (np.abs(found.attributions["input"] - oracle.numpy()) < 6 * error).all()
    assert 0 < error.max() < 0.05 * np.abs(found.attributions["input"]).max()


def test_the_class_is_frozen_at_the_unperturbed_item(image):
    inputs = small_inputs("image", items=4)
    params = {"samples": 200, "noise": 1.0}
    found = explainers.explain(image, inputs, "smooth_grad", params)
    named = explainers.explain(image, inputs, "smooth_grad", params, target={"index": found.account.index})

    np.testing.assert_allclose(found.attributions["input"], named.attributions["input"], rtol=1e-5)


def test_the_standard_error_is_that_of_many_repetitions():
    draws = np.random.default_rng(0).normal(3, 2, size=(400, 50, 1))
    for reduce in ("mean", "square", "variance"):
        values, errors = zip(*(_reduced(d, reduce) for d in draws), strict=True)
        assert np.std(values) == pytest.approx(np.mean(errors), rel=0.1)


def _reduced(samples, reduce):
    moments = Moments()
    moments.add(samples[:20])
    moments.add(samples[20:])
    value, error = moments.reduced(reduce)
    return float(value[0]), float(error[0])


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"of": "occlusion"}, "/params/of"),
        ({"of": "smooth_grad"}, "/params/of"),
        ({"of_params": {"steps": 3}}, "/params/of_params"),
        ({"of": "layer_conductance"}, "/params/of_params"),
        ({"noise": -0.1}, "/params/noise"),
        ({"samples": 0}, "/params/samples"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(image, params, pointer):
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(image, small_inputs("image"), "smooth_grad", params)

    assert {e["pointer"] for e in refused.value.to_json()["errors"]} == {pointer}


def test_tokens_cannot_be_shaken_below_a_method_that_moves_them_itself():
    with pytest.raises(InvalidRequest) as refused:
        explainers.explain(
            explainers.load(small_model("tokens")),
            small_inputs("tokens"),
            "smooth_grad",
            {"of": "integrated_gradients"},
        )

    assert refused.value.pointer == "/params/of"
