"""Steps of an ascent: Adam with a falling rate, and the plain gradient's; arrays are moved in place."""

from __future__ import annotations

import math

import numpy as np

from ..types import Array

FIRST, SECOND, TINY = 0.9, 0.999, 1e-8


class Adam:
    """Adam (Kingma & Ba, 2015, algorithm 1): each value moves by about the rate, whatever the slope's size."""

    def __init__(self, values: Array) -> None:
        self.steps = 0
        self._mean, self._square = np.zeros_like(values), np.zeros_like(values)

    def step(self, values: Array, slope: Array, rate: Array | float) -> None:
        """Move values up the slope, which is overwritten."""
        self.steps += 1
        # both sums are kept without their factors 1 - FIRST and 1 - SECOND: these, what the sums fall short by at first, and
        # the rate make one number
        self._mean *= FIRST
        self._mean += slope
        np.multiply(slope, slope, out=slope)
        self._square *= SECOND
        self._square += slope
        size = math.sqrt((1 - SECOND) / (1 - SECOND**self.steps))
        np.sqrt(self._square, out=slope)
        slope += TINY / size
        np.divide(self._mean, slope, out=slope)
        slope *= rate * ((1 - FIRST) / (1 - FIRST**self.steps) / size)
        values += slope


class Ascent:
    """The plain gradient's steps: x ← x + rate · slope."""

    def __init__(self, values: Array) -> None:
        del values

    def step(self, values: Array, slope: Array, rate: Array | float) -> None:
        """Move values up the slope, which is overwritten."""
        slope *= rate
        values += slope


OPTIMIZERS: dict[str, type[Adam | Ascent]] = {"adam": Adam, "ascent": Ascent}


def falling(step: int, steps: int) -> float:
    """Return the share of the rate at a step: half a cosine from 1 to 0, so that the last steps settle."""
    return 0.5 * (1 + math.cos(math.pi * step / steps))
