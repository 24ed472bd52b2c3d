"""Random masks: cells switched on and off, upsampled linearly and shifted, as RISE draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..baselines import subject
from ..types import Array, InputCard
from .effort import ROUND_BYTES
from .groups import Groups

MOST = 1_000_000
"""Masks that can be asked for."""
CELL_BYTES = 4
"""What drawing a cell takes."""
DISCRETE = ("tabular", "tokens", "text")


def is_smooth(shape: Sequence[int], card: InputCard) -> bool:
    """Say whether neighbours belong together: in pictures, series and volumes, not in tables and tokens."""
    return card.kind not in DISCRETE and (len(shape) > 1 or card.kind == "series")


@dataclass(frozen=True)
class Drawn:
    """Different masks, and how often each was drawn."""

    cells: Array
    shifts: Array
    counts: Array
    rows: Array
    """Which row of a background each one shows."""


@dataclass(frozen=True)
class Masks:
    """Masks over one item: smooth ones along `space`, or where that is empty one cell for each value or group of values."""

    shape: tuple[int, ...]
    space: tuple[int, ...]
    cells: int
    keep: float
    groups: Groups | None = None
    """The words of a text, each of them a cell."""

    @classmethod
    def over(cls, name: str, x: Array, card: InputCard, cells: int, keep: float) -> Masks:
        """Return the masks that fit an item: smooth on pictures, series and volumes."""
        whole = x.dtype.kind in "iubO" and x.dtype != np.uint8
        smooth = not whole and is_smooth(x.shape, card)
        return cls(x.shape, subject(name, x.shape, card).space if smooth else (), cells, keep)

    @property
    def counts(self) -> list[int]:
        """Cells along each axis."""
        if self.groups is not None:
            return [self.groups.count]
        return [min(self.cells, self.shape[a]) for a in self.space] or list(self.shape)

    @property
    def steps(self) -> list[int]:
        """Values that a cell is wide along each axis of the space."""
        return [-(-self.shape[a] // c) for a, c in zip(self.space, self.counts, strict=False)]

    @property
    def at_once(self) -> int:
        """How many masks may be drawn in one round: of few values all, so that equal masks are asked once."""
        cells = math.prod(self.counts)
        return MOST if cells < MOST.bit_length() else ROUND_BYTES // (CELL_BYTES * cells)

    def draw(self, rng: np.random.Generator, number: int, rows: int = 1) -> Drawn:
        """Draw masks, each with one of so many rows of a background; equal ones are counted, not repeated."""
        cells = rng.random((number, *self.counts), np.float32) < self.keep
        shifts = rng.integers(0, self.steps or 1, (number, max(len(self.space), 1)))
        row = rng.integers(0, rows, number) if rows > 1 else np.zeros(number, np.int64)
        packed = np.packbits(cells.reshape(number, -1), axis=1)
        together = np.concatenate([packed, shifts, row[:, None]], 1)
        if _differ(together):
            return Drawn(cells, shifts, np.ones(number, np.int64), row)
        _, first, counts = np.unique(together, axis=0, return_index=True, return_counts=True)
        order = np.argsort(first)
        chosen = first[order]
        return Drawn(cells[chosen], shifts[chosen], counts[order], row[chosen])

    @cached_property
    def upsampling(self) -> list[Array]:
        """Per axis of the space and per shift, the matrix that spreads cells over the axis: views of one matrix."""
        spread = [_linear(c, (c + 1) * step) for c, step in zip(self.counts, self.steps, strict=False)]
        views = [
            np.lib.stride_tricks.sliding_window_view(s, self.shape[axis], 0)
            for axis, s in zip(self.space, spread, strict=True)
        ]
        return [v.swapaxes(1, 2) for v in views]

    def render(self, drawn: Drawn, begin: int, end: int) -> Array:
        """Return masks `begin` to `end`, rows first, in a shape that broadcasts to the item."""
        if self.groups is not None:
            (there,) = self.groups.there(drawn.cells[begin:end]).values()
            return there.astype(np.float32)
        out = drawn.cells[begin:end].astype(np.float32)
        if not self.space:
            return out
        # the last axis first: rows stay whole in memory
        for i in reversed(range(len(self.space))):
            out = _along(out, i + 1, self.upsampling[i][drawn.shifts[begin:end, i]])
        shape = [n if a in self.space else 1 for a, n in enumerate(self.shape)]
        return out.reshape(len(out), *shape)


def _differ(rows: Array) -> bool:
    """Say whether no two rows are equal, by a hash of each: where all hashes differ, so do the rows."""
    factors = np.random.default_rng(0).integers(1, 1 << 62, rows.shape[1], np.uint64) | np.uint64(1)
    hashes = np.sort(rows.astype(np.uint64) @ factors)
    return bool((hashes[1:] != hashes[:-1]).all())


def _along(a: Array, axis: int, matrices: Array) -> Array:
    """Multiply one axis of each row by that row's matrix."""
    rows, length = len(a), a.shape[axis]
    if axis == a.ndim - 1:
        out = np.matmul(a.reshape(rows, -1, length), matrices.swapaxes(1, 2))
    else:
        between = matrices.reshape(rows, *[1] * (axis - 1), *matrices.shape[1:])
        out = np.matmul(between, a.reshape(*a.shape[: axis + 1], -1))
    return np.asarray(out.reshape(*a.shape[:axis], -1, *a.shape[axis + 1 :]))


def _linear(cells: int, length: int) -> Array:
    """Return the matrix of linear interpolation between the cells' middles, the ends held."""
    at = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
    low = np.floor(at).astype(int)
    out = np.zeros((length, cells), np.float32)
    np.add.at(out, (np.arange(length), low), 1 - (at - low))
    np.add.at(out, (np.arange(length), np.minimum(low + 1, cells - 1)), at - low)
    return out


class WeightedScores:
    """Running sums of score times mask: the mean map and its standard error, in memory for one map."""

    def __init__(self, shape: Sequence[int], keep: float) -> None:
        self.shape, self.keep = tuple(shape), keep
        self.count = 0
        self._first: Any = 0.0
        self._second: Any = 0.0

    def add(self, masks: Array, scores: Array, counts: Array) -> None:
        """Add a block of masks, which is overwritten, with their scores, each as often as it was drawn."""
        # single precision within a block, double precision across blocks
        m = masks.reshape(len(masks), -1)
        self._first = self._first + ((scores * counts).astype(np.float32) @ m).astype(np.float64)
        np.square(m, out=m)
        self._second = self._second + ((scores**2 * counts).astype(np.float32) @ m).astype(np.float64)
        self.count += int(counts.sum())

    @property
    def mean(self) -> Array:
        """The map."""
        return np.asarray(self._first / (self.count * self.keep)).reshape(self.shape)

    @property
    def error(self) -> Array:
        """The standard error of each value of the map."""
        n = self.count
        spread = np.maximum(self._second / n - (self._first / n) ** 2, 0) * n / max(n - 1, 1)
        return np.asarray(np.sqrt(spread / n) / self.keep).reshape(self.shape)
