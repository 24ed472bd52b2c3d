"""Relevance rules of linear operators written a second time, slowly: every weight of the operator as one dense matrix.

Definitions: Bach et al., 2015, eqs. 58 and 60; Montavon et al., 2017, section 4; Montavon et al., 2019, table 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Matrix = np.ndarray[Any, Any]
EPSILON = 1e-6


def dense(forward: Callable[[Matrix], Matrix], shape: tuple[int, ...]) -> tuple[Matrix, Matrix]:
    """Return W (outputs x inputs) and b of an affine operator on one item, column by column."""
    size = int(np.prod(shape))
    b = forward(np.zeros((1, *shape))).ravel()
    columns = [forward(np.eye(size)[i].reshape(1, *shape)).ravel() - b for i in range(size)]
    return np.stack(columns, 1), b


def stab(z: float, epsilon: float = EPSILON) -> float:
    """z + ε s(z), s(0) = +1."""
    return z + epsilon if z >= 0 else z - epsilon


def share(terms: Matrix, bias: float, r: float, epsilon: float = EPSILON) -> Matrix:
    """Hand r to the terms in proportion; the bias keeps its part."""
    return terms * r / stab(float(terms.sum() + bias), epsilon)


def epsilon(w: Matrix, b: float, x: Matrix, r: float, e: float = EPSILON) -> Matrix:
    """Bach et al., eq. 58."""
    return share(x * w, b, r, e)


def alpha_beta(w: Matrix, b: float, x: Matrix, r: float, alpha: float, beta: float) -> Matrix:
    """Bach et al., eq. 60."""
    terms = x * w
    return share(np.maximum(terms, 0), max(b, 0), alpha * r) - share(
        np.minimum(terms, 0), min(b, 0), beta * r
    )


def z_plus(w: Matrix, b: float, x: Matrix, r: float) -> Matrix:
    """Montavon et al., 2017, eq. 16, for signed inputs too."""
    return alpha_beta(w, b, x, r, 1.0, 0.0)


def gamma(w: Matrix, b: float, x: Matrix, r: float, g: float, z: float) -> Matrix:
    """Montavon et al., 2019, generalised: what has the sign of the model's z counts 1 + γ times; z = 0 hands on nothing."""
    terms = x * w
    if z == 0:
        return np.zeros_like(x)
    s = np.sign(z)
    weighted = terms + g * np.where(s * terms > 0, terms, 0)
    return share(weighted, b + g * (b if s * b > 0 else 0), r)


def z_box(w: Matrix, x: Matrix, r: float, low: Matrix, high: Matrix) -> Matrix:
    """Montavon et al., 2017, eq. 15; the bias cancels."""
    return share(x * w - low * np.maximum(w, 0) - high * np.minimum(w, 0), 0.0, r)


def w_square(w: Matrix, b: float, r: float) -> Matrix:
    """Montavon et al., 2017, eq. 12."""
    return share(w * w, b * b, r)


def flat(reach: Matrix, r: float) -> Matrix:
    """The same to every input that an output sees, whatever the weight."""
    return share(reach, 0.0, r)


RULES: dict[str, Callable[..., Matrix]] = {
    "epsilon": lambda w, b, x, r, reach, z: epsilon(w, b, x, r),
    "epsilon 0.25": lambda w, b, x, r, reach, z: epsilon(w, b, x, r, 0.25),
    "z_plus": lambda w, b, x, r, reach, z: z_plus(w, b, x, r),
    "alpha_beta": lambda w, b, x, r, reach, z: alpha_beta(w, b, x, r, 2.0, 1.0),
    "gamma": lambda w, b, x, r, reach, z: gamma(w, b, x, r, 0.25, z),
    "z_box": lambda w, b, x, r, reach, z: z_box(w, x, r, np.full_like(x, -3.0), np.full_like(x, 3.0)),
    "w_square": lambda w, b, x, r, reach, z: w_square(w, b, r),
    "flat": lambda w, b, x, r, reach, z: flat(reach, r),
}


def hand_back(rule: str, w: Matrix, b: Matrix, x: Matrix, r: Matrix, reach: Matrix, z: Matrix) -> Matrix:
    """Return what every input receives from all outputs; rows of w, b, r, reach and z are outputs."""
    parts: Iterator[Matrix] = (
        RULES[rule](w[j], float(b[j]), x, float(r[j]), reach[j], float(z[j])) for j in range(len(w))
    )
    return np.sum(list(parts), axis=0)
