"""Steps of an ascent: Adam with a falling rate, and the plain gradient's; arrays are moved in place."""

from __future__ import annotations

import numpy as np

from ..types import Array

FIRST, SECOND, TINY = 0.9, 0.999, 1e-8


class Adam:
    """Adam (Kingma & Ba, 2015, algorithm 1): each value moves by about the rate, whatever the slope's size."""

    def __init__(self, values: Array) -> None:
        self.steps = 0
        self._mean, self._square, self._move = (np.zeros_like(values) for _ in range(3))

    def step(self, values: Array, slope: Array, rate: Array | float) -> None:
        """Move values up the slope, which is overwritten."""
        self.steps += 1
        self._mean *= FIRST
        np.multiply(slope, 1 - FIRST, out=self._move)
        self._mean += self._move
        np.multiply(slope, slope, out=slope)
        slope *= 1 - SECOND
        self._square *= SECOND
        self._square += slope
        # both means start at zero: what they fall short by, and the rate, are one factor
        lack = float(np.sqrt(1 - SECOND**self.steps))
        np.sqrt(self._square, out=slope)
        slope += TINY * lack
        np.divide(self._mean, slope, out=self._move)
        self._move *= rate * (lack / (1 - FIRST**self.steps))
        values += self._move


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
    return 0.5 * (1 + float(np.cos(np.pi * step / steps)))
