"""What keeps prototypes plain: penalties with a slope, and changes made every few steps (Yosinski et al., 2015, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from ..types import Array
from .variation import variation, variation_slope


class Penalty(Protocol):
    """A term that is taken from the objective."""

    between: ClassVar[bool]
    """Whether it is about rows together and says nothing of one alone."""

    def take(self, x: Array, value: Array, slope: Array) -> None:
        """Take the term from each row's value and its derivative from the slope, in place."""


@dataclass(frozen=True)
class SquaredNorm:
    """weight · ‖x‖² (Simonyan et al., 2013, equation 1)."""

    between: ClassVar[bool] = False
    weight: float

    def take(self, x: Array, value: Array, slope: Array) -> None:
        """Take the term and its derivative."""
        pull = x * (2 * self.weight)
        slope -= pull
        value -= 0.5 * np.vecdot(pull.reshape(len(x), -1), x.reshape(len(x), -1))


@dataclass(frozen=True)
class TotalVariation:
    """weight · Σ |difference between neighbours|^power (Mahendran & Vedaldi, 2014, equation 5)."""

    between: ClassVar[bool] = False
    weight: float
    power: float
    axes: Sequence[int]
    """Of the rows' array, along which values are neighbours."""

    def take(self, x: Array, value: Array, slope: Array) -> None:
        """Take the term and its derivative."""
        value -= self.weight * variation(x, self.power, self.axes)
        slope -= (self.weight * variation_slope(x, self.power, self.axes)).astype(slope.dtype)


class Change(Protocol):
    """A change made to the rows every few steps."""

    def made(self, x: Array, slope: Array) -> Array:
        """Return changed rows."""


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur over the space."""

    deviation: float
    axes: Sequence[int]

    def made(self, x: Array, slope: Array) -> Array:
        """Return the rows blurred."""
        del slope
        from scipy.ndimage import gaussian_filter

        deviations = [self.deviation if a in self.axes else 0.0 for a in range(x.ndim)]
        out: Array = gaussian_filter(x, deviations, mode="nearest")
        return out


@dataclass(frozen=True)
class Clipping:
    """Places whose norm, or whose contribution |x · slope|, is among the least `percent` of their row become `rest`."""

    percent: float
    channel: int | None
    """Axis of the rows' array that one place spans; None: each value is a place."""
    rest: Array
    by: str

    def made(self, x: Array, slope: Array) -> Array:
        """Return the rows without their weakest places."""
        away = x - self.rest
        size = np.abs(away * slope) if self.by == "contribution" else np.abs(away)
        if self.channel is not None:
            size = size.sum(self.channel, keepdims=True)
        flat = size.reshape(len(x), -1)
        least = np.percentile(flat, self.percent, axis=1).reshape(-1, *[1] * (x.ndim - 1))
        return np.where(size < least, self.rest, x).astype(x.dtype)


@dataclass
class Jitter:
    """Rolls rows by a random way over the space, the same for all, and slopes back again."""

    most: int
    axes: Sequence[int]
    random: np.random.Generator

    def rolled(self, x: Array) -> Array:
        """Return the rows, rolled anew."""
        self._way = self.random.integers(-self.most, self.most + 1, len(self.axes))
        return np.roll(x, tuple(self._way), tuple(self.axes))

    def back(self, slope: Array) -> Array:
        """Return the slope at the rows as they were."""
        return np.roll(slope, tuple(-self._way), tuple(self.axes))
