"""Composites against Zennit on convolutional networks, in float32 and float64."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from reference.relevance_networks import alexnet, summed, vgg11, vgg16_bn
from reference.relevance_zennit import attribute

import explainers
from benchmarks.networks import resnet18, resnet50, settle, to_onnx

COMPOSITES = {
    "epsilon_plus": "EpsilonPlus",
    "epsilon_alpha2_beta1": "EpsilonAlpha2Beta1",
    "epsilon_plus_flat": "EpsilonPlusFlat",
    "epsilon_alpha2_beta1_flat": "EpsilonAlpha2Beta1Flat",
    "epsilon_gamma_box": "EpsilonGammaBox",
    "alpha1_beta0": "ExcitationBackprop",
}
NETWORKS = {
    "vgg11": (lambda: vgg11(4), 32),
    "vgg16_bn": (lambda: vgg16_bn(4), 32),
    "alexnet": (lambda: alexnet(4), 63),
    "resnet18": (lambda: resnet18(4, 10), 32),
    "resnet50": (lambda: resnet50(2, 10), 32),
}
LAYERS = {"resnet18": [2, 2, 2, 2], "resnet50": [3, 4, 6, 3]}


@cache
def network(name):
    """Return the network, its twin that Zennit can read, inputs, and its export in both precisions."""
    make, side = NETWORKS[name]
    torch.manual_seed(3)
    net = settle(make(), (8, 3, side, side))
    for p in net.parameters():
        if p.ndim == 1:
            p.data += 0.1 * torch.randn_like(p)
    x = np.random.default_rng(0).standard_normal((2, 3, side, side)).astype(np.float32)
    models = {np.float32: explainers.load(to_onnx(net, torch.from_numpy(x)))}
    models[np.float64] = explainers.load(to_onnx(net.double(), torch.from_numpy(x).double()))
    net.float()
    twin = summed(net, LAYERS[name], 4 if name == "resnet18" else 2) if name in LAYERS else net
    return net, twin, x, models


def both(name, composite, epsilon):
    """Return our parameters and Zennit's numbers for one composite."""
    ours, theirs = {"composite": composite}, {}
    if composite == "alpha1_beta0":
        return ours | {"bias": "drop"}, {"zero_params": "bias"}
    if composite == "epsilon_gamma_box":
        ours, theirs = ours | {"low": -4, "high": 4}, {"low": torch.tensor(-4.0), "high": torch.tensor(4.0)}
    return ours | {"epsilon": epsilon}, theirs | {"epsilon": epsilon}


def oracle(twin, composite, x, numbers):
    kind = torch.from_numpy(x).dtype
    typed = {k: v.to(kind) if isinstance(v, torch.Tensor) else v for k, v in numbers.items()}
    found = attribute(twin.to(kind), COMPOSITES[composite], x, **typed)
    twin.float()
    return found.astype(np.float64)


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


CASES = [(n, c, 1e-6) for n in NETWORKS for c in COMPOSITES]
CASES += [("vgg11", c, 0.25) for c in COMPOSITES]


@pytest.mark.parametrize(("name", "composite", "epsilon"), CASES)
def test_equals_zennit_in_float32(name, composite, epsilon):
    _, twin, x, models = network(name)
    ours, theirs = both(name, composite, epsilon)
    exact = oracle(twin, composite, x.astype(np.float64), theirs)
    own = distance(oracle(twin, composite, x, theirs), exact)
    found = explainers.explain(models[np.float32], x, "lrp", ours).attributions["input"]
    assert distance(found, exact) <= max(1e-4, 3 * own)


@pytest.mark.parametrize("composite", COMPOSITES)
@pytest.mark.parametrize("name", NETWORKS)
def test_equals_zennit_in_float64(name, composite):
    net, twin, x, models = network(name)
    ours, theirs = both(name, composite, 0.25)
    x = x[:1].astype(np.float64)
    y = net.double()(torch.from_numpy(x)).detach().numpy()
    net.float()
    compiled = explainers.compile(models[np.float64], "lrp", ours)
    answer = ReferenceEvaluator(compiled).run(
        ["attribution.input"], {"input": x, "target_weights": (y == y.max()).astype(float)}
    )
    assert distance(answer[0], oracle(twin, composite, x, theirs)) <= 1e-8
