"""Prototypes of one target that differ: their likeness is a penalty, their distances go into the account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..types import Array

TINY = 1e-12


@dataclass(frozen=True)
class Likeness:
    """weight · the mean cosine between a prototype and the others of its target (Olah et al., 2017, "Diversity")."""

    between: ClassVar[bool] = True
    weight: float
    count: int
    """Consecutive rows that share a target."""

    def take(self, x: Array, value: Array, slope: Array) -> None:
        """Take the term from the values and its derivative from the slope, in place."""
        rows = x.reshape(-1, self.count, x[0].size)
        length = np.maximum(np.linalg.norm(rows, axis=2, keepdims=True), TINY)
        unit = rows / length
        cosine = unit @ unit.swapaxes(1, 2)
        others = cosine * (1 - np.eye(self.count, dtype=cosine.dtype))
        each = self.weight / (self.count - 1)
        value -= each * others.sum(2).reshape(-1)
        total = unit.sum(1, keepdims=True) - unit
        # a row's cosines count in its own term and in each other row's
        by_row = 2 * each * (total - others.sum(2, keepdims=True) * unit) / length
        slope -= by_row.reshape(slope.shape).astype(slope.dtype)


def distances(rows: Sequence[Array] | Array, count: int) -> list[list[float]]:
    """Return, per target, the Euclidean distances between its prototypes: pairs (0, 1), (0, 2), ..., (1, 2), ..."""
    flat = np.asarray(rows, np.float64).reshape(-1, count, np.asarray(rows[0]).size)
    first, second = np.triu_indices(count, 1)
    return [[float(v) for v in np.linalg.norm(g[first] - g[second], axis=1)] for g in flat]
