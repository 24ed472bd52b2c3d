"""What relevance methods equal: gradients, each other, Captum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import Deconvolution, GuidedBackprop
from torch import nn

import explainers
from benchmarks.networks import to_onnx
from explainers.relevance.composites import COMPOSITES


class Residual(nn.Module):
    """Convolutions with a shortcut, both poolings and a concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (
            nn.Conv2d(2, 4, 3, padding=1),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.Conv2d(4, 4, 1),
        )
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.head = nn.Linear(32, 3)

    def forward(self, x):
        a = self.relu1(self.first(x))
        b = self.relu2(self.second(a) + a)
        c = torch.cat(
            [nn.functional.max_pool2d(b, 4), nn.functional.avg_pool2d(self.relu3(self.third(b)), 4)], 1
        )
        return self.head(c.flatten(1))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(4)
    return Residual().eval()


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).normal(size=(3, 2, 8, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def loaded(net, x):
    return explainers.load(to_onnx(net, torch.from_numpy(x)))


def explain(loaded, x, method, target=1, **params):
    return explainers.explain(loaded, x, method, params, target=target).attributions


def test_lrp_0_is_gradient_times_input(loaded, x):
    zero = {"composite": "epsilon", "epsilon": 0.0, "stabilizer": {"epsilon": 0.0}}
    found = explain(loaded, x, "lrp", **zero)["input"]
    expected = explain(loaded, x, "input_x_gradient")["input"]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def inner(loaded):
    return next(n.outputs[0].name for n in loaded.prepared_as_declared().graph if n.op_type == "Relu")


def test_excitation_backprop_and_inner_deep_taylor_are_alpha1_beta0_without_bias(loaded, x):
    where = {"at": inner(loaded)}
    expected = explain(loaded, x, "lrp", composite="alpha1_beta0", bias="drop", **where)[where["at"]]
    excited = explain(loaded, x, "excitation_backprop", **where)[where["at"]]
    np.testing.assert_allclose(excited, expected, rtol=1e-5)
    positive = np.array(explainers.explain(loaded, x, "gradient", {}, target=1).account.score) > 0
    taylor = explain(loaded, x, "deep_taylor", **where)[where["at"]]
    # the expansion starts at max(f, 0)
    np.testing.assert_allclose(taylor[positive], expected[positive], rtol=1e-5)
    assert not taylor[~positive].any()


def test_what_reaches_an_inner_tensor_does_not_depend_on_its_being_asked_for(loaded, x):
    where = inner(loaded)
    for composite in ("epsilon_plus_flat", "epsilon_gamma_box"):
        params = (
            {"composite": composite, "low": -5.0, "high": 5.0}
            if "box" in composite
            else {"composite": composite}
        )
        found = explain(loaded, x, "lrp", at=where, **params)[where]
        plain = composite.removesuffix("_flat").removesuffix("_box")
        # only the first convolution differs between a composite and its form with flat or box, and it lies before
        expected = explain(
            loaded,
            x,
            "lrp",
            at=where,
            composite="epsilon_plus"
            if plain == "epsilon_plus"
            else [
                {"match": {"operator": "Conv"}, "rule": "gamma"},
                {"match": {"family": "linear"}, "rule": "epsilon"},
            ],
        )[where]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_deep_taylor_starts_at_the_positive_score_and_conserves_it(x):
    torch.manual_seed(2)
    net = nn.Sequential(
        nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 4)
    ).eval()
    model = explainers.load(to_onnx(net, torch.from_numpy(x)))
    for params in ({}, {"low": -5, "high": 5}):
        found = explainers.explain(model, x, "deep_taylor", params, target="argmax")
        np.testing.assert_allclose(
            found.account.attribution_sum, np.maximum(found.account.score, 0), rtol=1e-3
        )
        assert (found.attributions["input"] >= -1e-6).all()
        rules = {r.rule for r in found.account.rules if r.operator in ("Conv", "Gemm")}
        assert rules == {"z_box, no bias" if params else "w_square, no bias", "z_plus, no bias"}


def test_contrastive_excitation_sums_to_nothing(loaded, x):
    where = next(
        n.outputs[0].name for n in loaded.prepared_as_declared().graph if n.op_type in ("Flatten", "Reshape")
    )
    found = explain(loaded, x, "excitation_backprop", contrastive=True, at=where)[where]
    assert found.min() < 0 < found.max()
    assert abs(found.sum()) < 1e-4 * np.abs(found).sum()


@pytest.mark.parametrize(
    ("method", "oracle"), [("guided_backprop", GuidedBackprop), ("deconvnet", Deconvolution)]
)
@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations")
def test_rectified_gradients_equal_captum(net, loaded, x, method, oracle):
    data = torch.from_numpy(x).requires_grad_()
    expected = oracle(net).attribute(data, target=1).detach().numpy()
    found = explain(loaded, x, method)["input"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_deconvnet_of_one_channel_sees_no_other(loaded, x):
    where, w = inner(loaded), np.zeros((4, 8, 8))
    w[2] = 1
    found = explain(loaded, x, "deconvnet", target={"output": where, "weights": w.tolist()})["input"]
    kernel = dict(loaded_weights(loaded))["first.weight"][2]
    column = found[0, :, 3, 3]
    np.testing.assert_allclose(column, kernel.sum((1, 2)), rtol=1e-4)


def loaded_weights(loaded):
    from onnx import numpy_helper

    return [(t.name, numpy_helper.to_array(t)) for t in loaded.proto.graph.initializer]


@pytest.mark.parametrize("composite", [*COMPOSITES, "auto"])
def test_every_composite_compiles_and_is_finite(loaded, x, composite):
    found = explain(loaded, x, "lrp", composite=composite, low=-5, high=5)["input"]
    assert np.isfinite(found).all()
    assert np.abs(found).max() > 0
