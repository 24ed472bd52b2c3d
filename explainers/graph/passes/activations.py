"""The activations that recurrent operators may name, each as standard operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Activation = Callable[[Any, Any], Any]
"""`activation(op, x)` -> the activated tensor."""

_DEFAULTS: dict[str, dict[str, float]] = {
    "affine": {"alpha": 1.0, "beta": 0.0},
    "leakyrelu": {"alpha": 0.01},
    "thresholdedrelu": {"alpha": 1.0},
    "scaledtanh": {"alpha": 1.0, "beta": 1.0},
    "hardsigmoid": {"alpha": 0.2, "beta": 0.5},
    "elu": {"alpha": 1.0},
}
_WRITTEN: dict[str, Callable[..., Any]] = {
    "affine": lambda op, x, alpha, beta: op.Add(op.Mul(x, alpha), beta),
    "scaledtanh": lambda op, x, alpha, beta: op.Mul(op.Tanh(op.Mul(x, beta)), alpha),
    "leakyrelu": lambda op, x, **a: op.LeakyRelu(x, **a),
    "thresholdedrelu": lambda op, x, **a: op.ThresholdedRelu(x, **a),
    "hardsigmoid": lambda op, x, **a: op.HardSigmoid(x, **a),
    "elu": lambda op, x, **a: op.Elu(x, **a),
    "relu": lambda op, x: op.Relu(x),
    "tanh": lambda op, x: op.Tanh(x),
    "sigmoid": lambda op, x: op.Sigmoid(x),
    "softsign": lambda op, x: op.Softsign(x),
    "softplus": lambda op, x: op.Softplus(x),
}


def activations(options: dict[str, Any], defaults: list[str], directions: int) -> list[list[Activation]]:
    """Return each direction's activations; alpha and beta go in order to those that take one."""
    names = [str(n).lower() for n in options.get("activations") or defaults * directions]
    alphas, betas = iter(options.get("activation_alpha") or []), iter(options.get("activation_beta") or [])
    made = [_activation(n, alphas, betas) for n in names]
    each = len(defaults)
    return [made[i * each : (i + 1) * each] for i in range(directions)]


def _activation(name: str, alphas: Iterator[float], betas: Iterator[float]) -> Activation:
    source = {"alpha": alphas, "beta": betas}
    arguments = {k: float(next(source[k], default)) for k, default in _DEFAULTS.get(name, {}).items()}
    return lambda op, x: _WRITTEN[name](op, x, **arguments)
