"""A restricted Boltzmann machine with Gaussian visible units: fitted by contrastive divergence, written as ONNX.

scikit-learn's has visible units between 0 and 1 only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from ..types import Array
from .density import OUTPUT, density_model, node

BATCH, EPOCHS, RATE, DECAY = 64, 40, 0.01, 1e-4


def fit_rbm(data: Array, hidden: int, floor: float, seed: int) -> onnx.ModelProto:
    """Fit to items, item axis first, by one-step contrastive divergence (Hinton, 2002) on standardised values.

    `floor` is the least standard deviation that a value is divided by, in the data's units.
    """
    flat = data.reshape(len(data), -1).astype(np.float64)
    mean, deviation = flat.mean(0), np.maximum(flat.std(0), floor)
    rng = np.random.default_rng(seed)
    v = (flat - mean) / deviation
    w, b, c = rng.normal(0, 0.01, (v.shape[1], hidden)), np.zeros(v.shape[1]), np.zeros(hidden)
    for epoch in range(EPOCHS):
        rate = RATE * (1 - epoch / EPOCHS)
        for rows in np.array_split(rng.permutation(len(v)), -(-len(v) // BATCH)):
            up, down = _contrast(v[rows], w, b, c, rng)
            w += rate * (up[0] - down[0] - DECAY * w)
            b += rate * (up[1] - down[1])
            c += rate * (up[2] - down[2])
    return rbm_model(data.shape[1:], mean, deviation, w, b, c)


def _contrast(
    v: Array, w: Array, b: Array, c: Array, rng: np.random.Generator
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return the statistics at the data and after one step of Gibbs sampling."""
    likely = _sigmoid(v @ w + c)
    fired = rng.random(likely.shape) < likely
    dreamt = fired @ w.T + b + rng.normal(size=v.shape)
    then = _sigmoid(dreamt @ w + c)
    n = len(v)
    return (v.T @ likely / n, v.mean(0), likely.mean(0)), (dreamt.T @ then / n, dreamt.mean(0), then.mean(0))


def _sigmoid(z: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))


def rbm_model(
    shape: Sequence[int], mean: Array, deviation: Array, w: Array, b: Array, c: Array
) -> onnx.ModelProto:
    """Return minus the free energy, which is log p(x) up to a constant, as ONNX.

    With v = (x - mean) / deviation: -‖v - b‖²/2 + Σ_j softplus(c_j + v·w_j).
    """
    weights = {
        "mean": mean, "deviation": deviation, "w": w, "b": b, "c": c, "half": np.array(-0.5), "values": np.array([1]),
    }  # fmt: skip
    nodes = [
        node("Sub", ["flat", "mean"], "centred"),
        node("Div", ["centred", "deviation"], "v"),
        node("Sub", ["v", "b"], "away"),
        node("ReduceSumSquare", ["away", "values"], "square", keepdims=0),
        node("Mul", ["square", "half"], "visible"),
        node("Gemm", ["v", "w", "c"], "field"),
        node("Softplus", ["field"], "soft"),
        node("ReduceSum", ["soft", "values"], "hidden", keepdims=0),
        node("Add", ["visible", "hidden"], OUTPUT),
    ]
    return density_model(shape, nodes, weights)
