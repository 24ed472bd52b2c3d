"""The books of LRP close at every node of the well-known architectures, as they are exported."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.architectures import ARCHITECTURES, TOKENS, Tokens

import explainers
from benchmarks.networks import settle, to_onnx

CONVOLUTIONAL = ("epsilon_plus", "epsilon_plus_flat", "epsilon_alpha2_beta1_flat", "epsilon_gamma_box")
ATTENTION = ("attn_lrp", "cp_lrp")
PAIRS = [(name, "auto") for name in ARCHITECTURES]
PAIRS += [(name, c) for name in ("DenseNet", "EfficientNet", "U-Net", "MobileNet-V2") for c in CONVOLUTIONAL]
PAIRS += [("ViT", c) for c in ATTENTION]


def explained(network, x, composite):
    params = {"composite": composite, "ledger": True}
    if composite == "epsilon_gamma_box":
        params |= {"low": -5.0, "high": 5.0}
    model = explainers.load(to_onnx(network, x))
    shape = tuple(network(x).shape)
    weights = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return explainers.explain(model, x.numpy(), "lrp", params, target={"weights": weights.tolist()})


def assert_closed(found):
    """Every node's losses, each by its own formula, make up what it took in and did not hand on."""
    assert found.account.ledger
    for entry in found.account.ledger:
        for unexplained, size in zip(entry.unexplained, entry.size, strict=True):
            assert abs(unexplained) <= 1e-5 * size, entry
    entered = np.array(found.account.score)
    left = sum(a.reshape(len(a), -1).sum(1, dtype=np.float64) for a in found.attributions.values())
    lost = sum(np.sum([*e.absorbed.values()], axis=0) for e in found.account.ledger if e.absorbed)
    scale = max(max(e.size) for e in found.account.ledger)
    np.testing.assert_allclose(left + lost, entered, atol=1e-4 * scale)


@pytest.mark.parametrize(("name", "composite"), PAIRS)
def test_the_books_close_on(name, composite):
    build, shape = ARCHITECTURES[name]
    torch.manual_seed(0)
    network = settle(build(), shape)
    assert_closed(explained(network, torch.randn(shape), composite))


@pytest.mark.parametrize("composite", ["auto", *ATTENTION])
@pytest.mark.parametrize("name", TOKENS)
def test_the_books_close_on_tokens(name, composite):
    torch.manual_seed(0)
    found = explained(Tokens(TOKENS[name]).eval(), torch.randint(0, 30, (2, 9)), composite)
    assert found.attributions["input"].shape == (2, 9)
    assert_closed(found)
