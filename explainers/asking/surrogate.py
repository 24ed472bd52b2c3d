"""Surrogates: a weighted sparse linear model of what a model answers to perturbed copies, by scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..types import Array

Distance = Literal["cosine", "euclidean"]
Selection = Literal["auto", "none", "forward", "lasso_path", "highest_weights"]
FEW = 6
"""Up to so many features are chosen one after the other where nobody says how."""


@dataclass(frozen=True)
class Surrogate:
    """A linear model around an item: weights and standard errors per feature, zero where a feature was not chosen."""

    weights: Array
    errors: Array
    intercept: float
    r2: float
    local: float
    """What it predicts for the item itself."""


def closeness(masks: Array, distance: Distance, width: float) -> Array:
    """Return the exponential kernel of each row's distance to the whole item, as the package of the paper's authors has it."""
    count = masks.shape[1]
    there = masks.sum(1)
    away = 1 - np.sqrt(there / count) if distance == "cosine" else np.sqrt(count - there)
    return np.asarray(np.exp(-(away**2) / (2 * width**2)))


def usual_width(distance: Distance, count: int) -> float:
    """Return the package's kernel width: a quarter for cosines, three quarters of the root of the number of features."""
    return 0.25 if distance == "cosine" else 0.75 * float(np.sqrt(count))


def fit(
    masks: Array, scores: Array, closeness: Array, alpha: float, selection: Selection, features: int | None
) -> Surrogate:
    """Fit weighted ridge regression on the chosen features; the first row is the item itself."""
    z = masks.astype(np.float64)
    most = z.shape[1] if features is None else min(features, z.shape[1])
    chosen = choose(z, scores, closeness, selection, most)
    model = _regression(z[:, chosen], scores, closeness, alpha)
    weights, errors = np.zeros(z.shape[1]), np.zeros(z.shape[1])
    weights[chosen] = model.coef_
    residuals = scores - model.predict(z[:, chosen])
    errors[chosen] = standard_errors(z[:, chosen], residuals, closeness, alpha)
    r2 = _determination(residuals, scores, closeness)
    intercept = float(model.intercept_)
    return Surrogate(weights, errors, intercept, r2, intercept + float(weights.sum()))


def _regression(z: Array, y: Array, weights: Array, alpha: float) -> Any:
    from sklearn.linear_model import LinearRegression, Ridge

    model = Ridge(alpha=alpha) if alpha else LinearRegression()
    return model.fit(z, y, sample_weight=weights)


def _determination(residuals: Array, y: Array, weights: Array) -> float:
    left = float((weights * residuals**2).sum())
    there = float((weights * (y - np.average(y, weights=weights)) ** 2).sum())
    # a score that never moves is explained whole by the intercept
    return 1 - left / there if there > 0 else 1.0


def standard_errors(z: Array, residuals: Array, weights: Array, alpha: float) -> Array:
    """Return the sandwich's errors over the draw of the rows: residuals by their leverage, the first row not drawn."""
    x = np.column_stack([np.ones(len(z)), z])
    penalty = np.r_[0.0, np.full(z.shape[1], alpha)]
    inverse = np.linalg.pinv((x * weights[:, None]).T @ x + np.diag(penalty), hermitian=True)
    leverage = weights * np.einsum("ij,jk,ik->i", x, inverse, x, optimize=True)
    pull = x * (weights * residuals / np.clip(1 - leverage, 1e-6, None))[:, None]
    # ridge leaves a pull of its own, the same in every draw
    pull = pull[1:] - pull[1:].mean(0)
    out: Array = np.sqrt(((pull @ inverse) ** 2).sum(0))[1:]
    return out


# ---- selection


def choose(z: Array, y: Array, weights: Array, selection: Selection, most: int) -> Array:
    """Return the features that the surrogate keeps, in rising order."""
    if selection == "none" or most >= z.shape[1]:
        return np.arange(z.shape[1])
    if selection == "forward" or (selection == "auto" and most <= FEW):
        return _forward(z, y, weights, most)
    return _lasso_path(z, y, weights, most) if selection == "lasso_path" else _highest(z, y, weights, most)


def _forward(z: Array, y: Array, weights: Array, most: int) -> Array:
    """Add the feature that explains the most together with those before, one after the other."""
    kept: list[int] = []
    for _ in range(most):
        rest = [f for f in range(z.shape[1]) if f not in kept]
        scores = [
            _regression(z[:, [*kept, f]], y, weights, 0.0).score(z[:, [*kept, f]], y, weights) for f in rest
        ]
        kept.append(rest[int(np.argmax(scores))])
    return np.sort(kept)


def _highest(z: Array, y: Array, weights: Array, most: int) -> Array:
    found = np.abs(_regression(z, y, weights, 0.01).coef_)
    return np.sort(np.argsort(-found, kind="stable")[:most])


def _lasso_path(z: Array, y: Array, weights: Array, most: int) -> Array:
    """Keep the features of the last point on the lasso's path that has no more than wanted."""
    from sklearn.linear_model import lars_path

    root = np.sqrt(weights)
    centred = (z - np.average(z, axis=0, weights=weights)) * root[:, None]
    _, _, path = lars_path(centred, (y - np.average(y, weights=weights)) * root, method="lasso")
    sizes = (path != 0).sum(0)
    chosen = np.flatnonzero(path[:, np.flatnonzero(sizes <= most)[-1]])
    # of a score that nothing moves the path has no feature
    return chosen if chosen.size else _highest(z, y, weights, most)
