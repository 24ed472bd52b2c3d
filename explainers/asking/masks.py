"""Random masks: cells switched on and off, upsampled linearly and shifted, as RISE draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..baselines import subject
from ..types import Array, InputCard
from .effort import ROUND_BYTES
from .groups import Groups

MOST = 1_000_000
"""Masks that can be asked for."""
CELL_BYTES = 4
"""What a cell drawn takes at most, while it is looked up as part of a row."""
DRAWN_AT_ONCE = 1 << 16
"""Cells drawn at a time."""
MOST_ROWS = 1 << 18
"""Values of all rows of cells that there can be, spread; where they are more, rows are spread one by one."""
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

    @cached_property
    def places(self) -> Array:
        """Where each row of cells along the last axis is in a table of all: its shift above its cells' bits, at most 24."""
        bits = (1 << np.arange(self.cells.shape[-1])).astype(np.float32)
        rows = self.cells.reshape(-1, len(bits)).astype(np.float32) @ bits
        found = rows.astype(np.intp).reshape(self.cells.shape[:-1])
        found += (self.shifts[:, -1] << len(bits)).reshape(-1, *[1] * (found.ndim - 1))
        return np.asarray(found)


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
        cells = self._cells(rng, number)
        shifts = rng.integers(0, self.steps or 1, (number, max(len(self.space), 1)))
        row = rng.integers(0, rows, number) if rows > 1 else np.zeros(number, np.int64)
        alone = Drawn(cells, shifts, np.ones(number, np.int64), row)
        if self._never_equal(number):
            return alone
        packed = np.packbits(cells.reshape(number, -1), axis=1)
        together = np.concatenate([packed, shifts, row[:, None]], 1)
        if _differ(together):
            return alone
        _, first, counts = np.unique(together, axis=0, return_index=True, return_counts=True)
        order = np.argsort(first)
        chosen = first[order]
        return Drawn(cells[chosen], shifts[chosen], counts[order], row[chosen])

    def _cells(self, rng: np.random.Generator, number: int) -> Array:
        """Return which cells are shown, drawn in parts that stay in the processor's cache."""
        cells = np.empty((number, *self.counts), bool)
        step = max(1, DRAWN_AT_ONCE // math.prod(self.counts))
        for begin in range(0, number, step):
            part = cells[begin : begin + step]
            np.less(rng.random(part.shape, np.float32), self.keep, out=part)
        return cells

    def _never_equal(self, number: int) -> bool:
        """Whether two of so many masks are equal in less than one of a million draws, so that nobody needs to look."""
        equal = (self.keep**2 + (1 - self.keep) ** 2) ** math.prod(self.counts)
        return number**2 / 2 * equal < 1e-6

    @cached_property
    def upsampling(self) -> list[Array]:
        """Per axis of the space and per shift, the matrix that spreads cells over the axis: views of one matrix."""
        spread = [_linear(c, (c + 1) * step) for c, step in zip(self.counts, self.steps, strict=False)]
        views = [
            np.lib.stride_tricks.sliding_window_view(s, self.shape[axis], 0)[:step]
            for axis, s, step in zip(self.space, spread, self.steps, strict=True)
        ]
        return [v.swapaxes(1, 2) for v in views]

    @property
    def extent(self) -> tuple[int, ...]:
        """The shape of a mask, which broadcasts to the item."""
        return tuple(n if a in self.space or not self.space else 1 for a, n in enumerate(self.shape))

    def render(self, drawn: Drawn, begin: int, end: int) -> Array:
        """Return masks `begin` to `end`, rows first, in a shape that broadcasts to the item."""
        if self.groups is not None:
            (there,) = self.groups.there(drawn.cells[begin:end]).values()
            return there.astype(np.float32)
        shifts, left = drawn.shifts[begin:end], len(self.space)
        if self._rows is None:
            out = drawn.cells[begin:end].astype(np.float32)
        else:
            left -= 1
            out = self._rows.take(drawn.places[begin:end], 0)
        # the last axis first: rows stay whole in memory
        for i in reversed(range(left)):
            out = _along(out, i + 1, self.upsampling[i][shifts[:, i]])
        return out.reshape(len(out), *self.extent)

    @cached_property
    def _rows(self) -> Array | None:
        """Every row of cells along the last axis, spread, where `places` looks for it; None where there are many."""
        if not self.space:
            return None
        spread, cells = self.upsampling[-1], self.counts[-1]
        if len(spread) * spread.shape[1] << cells > MOST_ROWS:
            return None
        every = (np.arange(1 << cells)[:, None] >> np.arange(cells) & 1).astype(np.float32)
        return np.asarray((every @ spread.swapaxes(1, 2)).reshape(-1, spread.shape[1]))


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
