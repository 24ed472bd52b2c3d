"""Items in arrays: where their axis is, how they are cut, copied and put together."""

from __future__ import annotations

import numpy as np

from .types import Array, Arrays, Feeds

Axes = dict[str, int | None]
"""The item axis of each input, None where all items share it."""


def axis_of(name: str, axes: Axes) -> int | None:
    """Return the item axis of an array: that of the input it is named after, else the first."""
    return axes.get(name, axes.get(name.partition(".")[2], 0))


def count(feeds: Feeds, axes: Axes) -> int:
    """Return how many rows these feeds hold."""
    return next((a.shape[axis] for n, a in feeds.items() if (axis := axes.get(n, 0)) is not None), 1)


def take(feeds: Feeds, axes: Axes, index: Array) -> Arrays:
    """Return these items of every input, shared inputs whole."""
    return {n: a if (axis := axes[n]) is None else np.take(a, index, axis) for n, a in feeds.items()}


def cut(feeds: Feeds, axes: Axes, begin: int, end: int) -> Arrays:
    """Return consecutive rows as views."""
    return {
        n: a if (axis := axes.get(n, 0)) is None else a[(slice(None),) * axis + (slice(begin, end),)]
        for n, a in feeds.items()
    }


def copies(item: Feeds, axes: Axes, changed: Feeds) -> Arrays:
    """Return rows of feeds: the changed inputs as given, rows first, and the one item's own values for the others."""
    rows = len(next(iter(changed.values())))
    out = {}
    for name, a in item.items():
        axis = axes[name]
        if name in changed:
            out[name] = changed[name] if not axis else np.moveaxis(changed[name], 0, axis)
        else:
            out[name] = a if axis is None else np.repeat(a, rows, axis)
    return out


def join(parts: list[Arrays], axes: Axes) -> Arrays:
    """Put the results of consecutive batches together, items first unless an input has them elsewhere."""
    return {n: _join([p[n] for p in parts], axis_of(n, axes)) for n in parts[0]}


def _join(parts: list[Array], axis: int | None) -> Array:
    if axis is None or (axis == 0 and any(p.ndim == 0 for p in parts)):
        return np.stack(parts)
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis)
