"""What masks are made of, so that sums over many masks are sums over few numbers."""

from __future__ import annotations

import itertools
import math
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..types import Array
from .masks import Drawn, Masks

SUMMED_BYTES = 1 << 21
"""Numbers that are summed at a time, so that they stay in the processor's cache."""
MOST_SUMS = 1 << 17
"""Sums of all kinds of masks, above which those of the masks' own values take no longer."""
MOST_KINDS = 1 << 12
"""Kinds of masks, above which most factors of a sum would be zeros."""
MOST_WEIGHTS = 1 << 16
"""Weights of the cells along one axis, for all shifts and places, above which spreading the sums takes as long as they save."""


class Parts(Protocol):
    """Numbers that masks and their squares are sums of: what these come to over masks of a kind gives the sum of the masks."""

    kinds: int
    """Kinds of masks, each made of its numbers in its own way."""
    own: int
    """How many of a mask's numbers make the mask itself; the first ones."""
    summed_at_once: int
    """Masks that are worth summing at a time."""
    keeps: bool
    """Whether masks are kept until their scores come."""

    def render(self, drawn: Drawn, begin: int, end: int) -> Array:
        """Return masks, rows first; where they are kept, all of these will be summed together."""

    def of(self, drawn: Drawn, begin: int, end: int) -> tuple[Array | int, Array]:
        """Return the kinds of some masks and their numbers, a column each."""

    def squared(self, numbers: Array) -> Array:
        """Return the numbers that the squares are made of; those given are overwritten."""

    def sum_of_masks(self, sums: Array) -> Array:
        """Return the sum of masks, from sums of their numbers by kind."""

    def sum_of_squares(self, sums: Array) -> Array:
        """Return the sum of squared masks, from sums of their numbers by kind."""


class Whole(Parts):
    """Masks are made of their own values."""

    keeps = True
    kinds = summed_at_once = 1

    def __init__(self, masks: Masks) -> None:
        self._masks = masks
        self._kept: dict[int, Array] = {}
        self.own = math.prod(masks.extent)

    def render(self, drawn: Drawn, begin: int, end: int) -> Array:
        """Return masks and keep them."""
        self._kept[begin] = m = self._masks.render(drawn, begin, end)
        return m

    def of(self, drawn: Drawn, begin: int, end: int) -> tuple[Array | int, Array]:
        """Return the masks kept."""
        del drawn
        return 0, self._kept.pop(begin).reshape(end - begin, -1).T

    def squared(self, numbers: Array) -> Array:
        """Return the masks' squares."""
        return np.square(numbers, out=numbers)

    def sum_of_masks(self, sums: Array) -> Array:
        """Return the sums as they are."""
        return sums

    def sum_of_squares(self, sums: Array) -> Array:
        """Return the sums as they are."""
        return sums


class ByCells(Parts):
    """Masks of equal shifts are the same sums of their cells, and their squares of cells and of products of neighbours.

    Along an axis a place shows two neighbouring cells at most.
    """

    keeps = False

    def __init__(self, masks: Masks) -> None:
        self._masks = masks
        self._weights = [w.astype(np.float64) for w in masks.upsampling]
        self._shifts, self._cells = tuple(masks.steps), tuple(masks.counts)
        self.kinds = math.prod(self._shifts)
        self.own = math.prod(self._cells)
        self.summed_at_once = max(1, SUMMED_BYTES // (4 * max(self.kinds, _neighbours(masks))))

    @classmethod
    def fit(cls, masks: Masks) -> bool:
        """Say whether this is fewer numbers than the masks' own."""
        numbers, kinds = _neighbours(masks), math.prod(masks.steps)
        weights = max((w.size for w in masks.upsampling), default=0)
        few = numbers * kinds <= MOST_SUMS and kinds <= MOST_KINDS and weights <= MOST_WEIGHTS
        return bool(masks.space) and few and numbers <= math.prod(masks.extent)

    def render(self, drawn: Drawn, begin: int, end: int) -> Array:
        """Return masks."""
        return self._masks.render(drawn, begin, end)

    def of(self, drawn: Drawn, begin: int, end: int) -> tuple[Array | int, Array]:
        """Return the cells, and the products of neighbours one step apart along some axes, all of them after each other."""
        alike = np.ravel_multi_index(tuple(drawn.shifts[begin:end].T), self._shifts)
        # masks last: long runs in memory
        cells = np.ascontiguousarray(np.moveaxis(drawn.cells[begin:end], 0, -1))
        flat = [_products(cells, steps).reshape(-1, end - begin) for steps in self._steps]
        return alike, np.concatenate(flat, dtype=np.float32)

    def squared(self, numbers: Array) -> Array:
        """Return them as they are: a cell is its own square."""
        return numbers

    @cached_property
    def _steps(self) -> list[tuple[int, ...]]:
        """Along which axes neighbours are one step apart: first none, a cell and itself."""
        return list(itertools.product((0, 1), repeat=len(self._cells)))

    @cached_property
    def _of_neighbours(self) -> list[list[Array]]:
        """The weights of neighbours so many steps apart: per axis those of a cell and itself, or of it and the next one."""
        squares = [(w**2, w[..., :-1] * w[..., 1:]) for w in self._weights]
        return [[pair[step] for pair, step in zip(squares, steps, strict=True)] for steps in self._steps]

    def sum_of_masks(self, sums: Array) -> Array:
        """Return the sum of masks."""
        return self._spread(sums, self._weights)

    def sum_of_squares(self, sums: Array) -> Array:
        """Return the sum of squared masks."""
        total, begin = np.zeros(()), 0
        for steps, weights in zip(self._steps, self._of_neighbours, strict=True):
            end = begin + math.prod(w.shape[2] for w in weights)
            # each pair of different neighbours comes twice in a square
            total = total + (1 + any(steps)) * self._spread(sums[begin:end], weights)
            begin = end
        return total

    def _spread(self, sums: Array, weights: list[Array]) -> Array:
        """Return sums by shifts and cells as sums by places."""
        out = sums.reshape(*(w.shape[2] for w in weights), *self._shifts)
        for left, w in zip(range(len(weights), 0, -1), weights, strict=True):
            # cells and shifts of the axes that are left come first, places of those that are done last
            out = np.tensordot(out, w, ([0, left], [2, 0]))
        return out


def _neighbours(masks: Masks) -> int:
    """Return how many products of neighbouring cells there are, each cell with itself among them."""
    return math.prod(2 * c - 1 for c in masks.counts)


def _products(cells: Array, steps: tuple[int, ...]) -> Array:
    """Return how many of the pairs of cells that are so many steps apart, either way along each axis, are both shown."""
    total: Any = 0
    apart = [a for a, step in enumerate(steps) if step]
    if not apart:
        return cells.view(np.uint8)
    for ways in itertools.product((False, True), repeat=len(apart) - 1):
        here, there = [slice(None)] * cells.ndim, [slice(None)] * cells.ndim
        for axis, back in zip(apart, (False, *ways), strict=True):
            low, high = slice(None, -1), slice(1, None)
            here[axis], there[axis] = (high, low) if back else (low, high)
        total = total + (cells[tuple(here)] & cells[tuple(there)]).view(np.uint8)
    return np.asarray(total)
