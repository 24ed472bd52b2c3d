"""Total variation: what differences between neighbours sum to, and its derivative; rows first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..types import Array


def variation(x: Array, power: float, axes: Sequence[int] | None = None) -> Array:
    """Return each row's sum over neighbours of their difference to a power, along axes of x, by default all behind the rows."""
    along = range(1, x.ndim) if axes is None else axes
    total = sum((np.abs(np.diff(x, axis=a)) ** power).reshape(len(x), -1).sum(1) for a in along)
    return np.broadcast_to(np.asarray(total), len(x))


def variation_slope(x: Array, power: float, axes: Sequence[int] | None = None) -> Array:
    """Return the derivative of the total variation."""
    out = np.zeros_like(x)
    for axis in range(1, x.ndim) if axes is None else axes:
        d = np.diff(x, axis=axis)
        g = power * np.abs(d) ** (power - 1) * np.sign(d)
        ahead: list[slice] = [slice(None)] * x.ndim
        behind = ahead.copy()
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        out[tuple(ahead)] += g
        out[tuple(behind)] -= g
    return out
