"""Gradients of exported architectures equal PyTorch's, with no knowledge of where the graph came from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.architectures import ARCHITECTURES, TOKENS, Tokens

import explainers
from benchmarks.networks import settle, to_onnx


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def settled(build, shape):
    """A seeded network without dead units; a small one is told apart from a wrong one by float64."""
    torch.manual_seed(0)
    return settle(build(), shape)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_gradient_equals_autograd(name):
    build, shape = ARCHITECTURES[name]
    network = settled(build, shape)
    x = torch.randn(shape)
    weights = np.random.default_rng(0).normal(size=network(x).shape).astype(np.float32)
    model = explainers.load(to_onnx(network, x))
    found = explainers.explain(
        model, x.numpy(), "gradient", target={"weights": weights.tolist()}
    ).attributions["input"]
    leaf = x.double().requires_grad_()
    score = (network.double()(leaf) * torch.from_numpy(weights)).sum()

    assert distance(found, torch.autograd.grad(score, leaf)[0].numpy()) < 1e-4


@pytest.mark.parametrize("name", TOKENS)
def test_tokens_are_explained_at_their_embedding(name):
    torch.manual_seed(0)
    network, ids = Tokens(TOKENS[name]).eval(), torch.randint(0, 30, (2, 9))
    model = explainers.load(to_onnx(network, ids))
    run = lambda method: explainers.explain(model, ids.numpy(), method, target=3)  # noqa: E731
    leaf = network.words(ids).detach().requires_grad_()
    positions = network.positions(torch.arange(9))
    g = torch.autograd.grad(network.encode(leaf + positions)[:, 3].sum(), leaf)[0]

    found = run("gradient")
    assert distance(found.arrays["embedding_gradient.input"], g.numpy()) < 1e-4
    assert distance(found.attributions["input"], g.norm(dim=-1).numpy()) < 1e-4
    assert distance(run("input_x_gradient").attributions["input"], (g * leaf).sum(-1).detach().numpy()) < 1e-4
    assert distance(run("sensitivity").attributions["input"], g.square().sum(-1).numpy()) < 1e-4
