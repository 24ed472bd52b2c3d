"""Scores weighted by how much of each value a mask shows: the sums that RISE's map and its standard error are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..types import Array
from .alone import ALONE
from .mask_parts import ByCells, Parts, Whole
from .masks import Drawn, Masks


class WeightedScores:
    """Running sums of score times mask: the mean map and its standard error, in memory for a few maps."""

    def __init__(self, masks: Masks) -> None:
        self._parts: Parts = ByCells(masks) if ByCells.fit(masks) else Whole(masks)
        self._masks = masks
        self.count = 0
        self._total = 0.0
        self._first: Any = 0.0
        self._second: Any = 0.0

    @property
    def keeps(self) -> bool:
        """Whether rendered masks are kept until their scores come, and may not be changed."""
        return self._parts.keeps

    def render(self, drawn: Drawn, begin: int, end: int) -> Array:
        """Return masks whose scores will come in one block; safe beside other threads."""
        return self._parts.render(drawn, begin, end)

    def add(self, drawn: Drawn, found: Iterable[tuple[int, Array]]) -> None:
        """Add the masks drawn, each as often as it was, while their scores come block after block, until these end."""
        begin, end, waiting = 0, 0, list[Array]()
        with ALONE:
            for start, scores in found:
                waiting.append(scores)
                end = start + len(scores)
                if end - begin >= self._parts.summed_at_once:
                    self._add(drawn, begin, end, waiting)
                    begin, waiting = end, []
            if waiting:
                self._add(drawn, begin, end, waiting)

    def _add(self, drawn: Drawn, begin: int, end: int, waiting: Sequence[Array]) -> None:
        scores, row = np.concatenate(waiting), np.arange(end - begin)
        kinds, numbers = self._parts.of(drawn, begin, end)
        counts = drawn.counts[begin:end]
        # single precision within a part, double precision across parts
        factors = np.zeros((len(scores), self._parts.kinds), np.float32)
        factors[row, kinds] = scores * counts
        self._first = self._first + (numbers[: self._parts.own] @ factors).astype(np.float64)
        factors[row, kinds] *= scores
        self._second = self._second + (self._parts.squared(numbers) @ factors).astype(np.float64)
        self.count += int(counts.sum())
        self._total += float(scores @ counts)

    @property
    def level(self) -> float:
        """The mean score of all masked copies, as exact as the map is kept."""
        return float(np.float32(self._total / self.count))

    def estimate(self) -> tuple[Array, Array]:
        """Return the map, and the standard error of each of its values."""
        n, keep, extent = self.count, self._masks.keep, self._masks.extent
        with ALONE:
            mean = self._parts.sum_of_masks(self._first) / n
            spread = self._parts.sum_of_squares(self._second) / n - mean**2
        error = np.sqrt(np.maximum(spread, 0) / max(n - 1, 1))
        return (mean / keep).reshape(extent), (error / keep).reshape(extent)
