"""What is moved: the values themselves, or their Fourier coefficients; rows first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ..types import Array
from .bounds import Box, plain

EDGE = 0.02
"""How near to its ends, in shares of its range, a start may lie where the bounds squash."""


class Parametrisation(Protocol):
    """Rows of values under the numbers that are moved."""

    values: Array

    def image(self) -> Array:
        """Return the rows."""

    def slope(self, by_image: Array) -> Array:
        """Return the derivative by what is moved, from that by the rows."""

    def settle(self) -> None:
        """Bring what was moved back to where it may lie."""

    def put(self, image: Array) -> None:
        """Take these rows."""


class Pixels:
    """The values themselves; the bounds clip."""

    def __init__(self, start: Array, box: Box) -> None:
        self.values = start.copy()
        # a pass over all values each: none where nothing is clipped
        self._low = plain(box.low, start.dtype) if np.isfinite(box.low).any() else None
        self._high = plain(box.high, start.dtype) if np.isfinite(box.high).any() else None
        self.settle()

    def image(self) -> Array:
        """Return the rows."""
        return self.values

    def slope(self, by_image: Array) -> Array:
        """Return the derivative itself."""
        return by_image

    def settle(self) -> None:
        """Clip to the bounds."""
        if self._low is not None:
            np.maximum(self.values, self._low, out=self.values)
        if self._high is not None:
            np.minimum(self.values, self._high, out=self.values)

    def put(self, image: Array) -> None:
        """Take these rows."""
        self.values[...] = image
        self.settle()


class Fourier:
    """Coefficients of the discrete Hartley transform over the space, the lower frequencies moving further.

    x = B(H(c / f)): H is real, orthonormal and its own inverse; B is a sigmoid between the bounds, where there are any
    (Olah, Mordvintsev & Schubert, 2017, https://doi.org/10.23915/distill.00007, "Preconditioning and Parameterization").
    """

    def __init__(self, start: Array, box: Box, axes: Sequence[int]) -> None:
        self._axes, self._box = [a + 1 for a in axes], box
        lengths = [start.shape[a] for a in self._axes]
        grids = np.meshgrid(*(np.fft.fftfreq(n) for n in lengths), indexing="ij")
        frequency = np.maximum(np.sqrt(sum(g**2 for g in grids)), 1 / max(lengths))
        scale = np.sqrt(1 / frequency)
        shape = [n if i in self._axes else 1 for i, n in enumerate(start.shape)]
        self._scale = (scale / np.sqrt((scale**2).mean())).reshape(shape).astype(start.dtype)
        self.values = np.zeros_like(start)
        self.put(start)

    def image(self) -> Array:
        """Return the rows."""
        x = self._hartley(self.values * self._scale)
        if not self._box.closed:
            return x
        squashed = self._box.low + self._box.range / (1 + np.exp(-x))
        return np.asarray(squashed, self.values.dtype)

    def slope(self, by_image: Array) -> Array:
        """Return the derivative by the coefficients: H is symmetric."""
        if self._box.closed:
            share = (self.image() - self._box.low) / np.where(self._box.range > 0, self._box.range, 1)
            by_image = np.asarray(by_image * self._box.range * share * (1 - share), by_image.dtype)
        return np.asarray(self._scale * self._hartley(by_image))

    def settle(self) -> None:
        """Do nothing: the sigmoid keeps the bounds."""

    def put(self, image: Array) -> None:
        """Take the coefficients of these rows."""
        if self._box.closed:
            share = (image - self._box.low) / np.where(self._box.range > 0, self._box.range, 1)
            share = np.clip(share, EDGE, 1 - EDGE)
            image = np.log(share / (1 - share)).astype(self.values.dtype)
        self.values[...] = self._hartley(image) / self._scale

    def _hartley(self, x: Array) -> Array:
        waves = np.fft.fftn(x, axes=self._axes, norm="ortho")
        return np.asarray(waves.real - waves.imag, x.dtype)
