"""Layer conductance against Captum, of whole layers and through single units."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import LayerConductance, NeuronConductance
from reference import layered, networks

import explainers
from explainers.errors import InvalidRequest


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return layered.Convolutional(), torch.randn(2, 3, 16, 16)


@pytest.fixture(scope="module")
def loaded(network):
    return explainers.load(networks.exported(*network))


@pytest.fixture(scope="module")
def layer(loaded):
    return next(n for n in loaded.description.tensors if "second" in n)


def explain(loaded, x, **params):
    return explainers.explain(loaded, {"input": x.float().numpy()}, "layer_conductance", params, target=1)


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def test_the_left_sum_equals_captum_s(network, loaded, layer):
    model, x = network
    found = explain(loaded, x, layer=layer, steps=30, rule="riemann").arrays[f"attribution.{layer}"]
    double = model.double()
    theirs = LayerConductance(double, double.second).attribute(
        x.double(), target=1, n_steps=30, method="riemann_trapezoid"
    )
    model.float()

    assert distance(found, theirs.detach().numpy()) < 1e-5


@pytest.mark.parametrize("unit", [[0, 1, 2], [4, 6, 6], [1, 0, 3]])
def test_through_one_unit_equals_captum(network, loaded, layer, unit):
    model, x = network
    found = explain(loaded, x, layer=layer, steps=30, rule="riemann", unit=unit).attributions["input"]
    double = model.double()
    theirs = NeuronConductance(double, double.second).attribute(
        x.double(), tuple(unit), target=1, n_steps=30, method="riemann_middle"
    )
    model.float()

    np.testing.assert_allclose(found, theirs.detach().numpy(), atol=1e-6)
    assert found.any()


def test_a_channel_is_the_sum_of_its_units(network, loaded, layer):
    x = network[1]
    channel = explain(loaded, x, layer=layer, steps=4, unit=2).attributions["input"]
    units = [
        explain(loaded, x, layer=layer, steps=4, unit=[2, i, j]).attributions["input"]
        for i in range(7)
        for j in range(7)
    ]

    np.testing.assert_allclose(channel, np.sum(units, 0), atol=1e-6)


def test_the_trapezoid_is_complete(network, loaded, layer):
    account = explain(loaded, network[1], layer=layer, steps=400).account
    difference = np.array(account.score) - account.per_item["baseline_score"]

    np.testing.assert_allclose(account.attribution_sum, difference, rtol=1e-2)


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({}, "/params/layer"),
        ({"layer": "nowhere"}, "/params/layer"),
        ({"unit": [6, 0, 0]}, "/params/unit"),
        ({"unit": [0, 0, 0, 0]}, "/params/unit"),
        ({"unit": []}, "/params/unit"),
        ({"baseline": [1, 2, 3, 4, 5]}, "/params/baseline"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(network, loaded, layer, params, pointer):
    given = {"layer": layer, **params} if params else {}
    with pytest.raises(InvalidRequest) as refused:
        explain(loaded, network[1], **given)

    assert {e["pointer"] for e in refused.value.to_json()["errors"]} == {pointer}
