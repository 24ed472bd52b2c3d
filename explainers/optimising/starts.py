"""Where a search begins: noise, zeros, the mean of the data or of a class, or what is given; rows first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InvalidRequest
from ..types import Array
from .bounds import Box

WORDS = ("noise", "zeros", "mean", "class_mean")


def noise(box: Box, groups: int, count: int, deviation: float, rng: np.random.Generator) -> Array:
    """Return rows of Gaussian noise about the middle of the bounds; each target has the same `count` draws."""
    drawn = rng.normal(size=(count, *box.low.shape)) * deviation * box.range + box.middle
    return np.tile(np.clip(drawn, box.low, box.high), (groups, *[1] * box.low.ndim))


def means(data: Array, labels: Sequence[int] | Array | None, classes: Sequence[int], count: int) -> Array:
    """Return the mean of the data, or of each row's class, once for each of its `count` prototypes."""
    if labels is None:
        return np.repeat(data.mean(0, keepdims=True, dtype=np.float64), len(classes) * count, 0)
    held = np.asarray(labels)
    if missing := sorted({c for c in classes if not (held == c).any()}):
        there = ", ".join(str(c) for c in np.unique(held))
        raise InvalidRequest(
            f"the data has no item of class {', '.join(map(str, missing))}; it has: {there}",
            pointer="/params/start",
        )
    own = [data[held == c].mean(0, dtype=np.float64) for c in classes]
    return np.repeat(np.stack(own), count, 0)


def given(value: Any, shape: tuple[int, ...], rows: int, name: str) -> Array:
    """Return what is given: one item for all rows, or one for each."""
    try:
        return np.broadcast_to(np.asarray(value, np.float64), (rows, *shape)).copy()
    except (ValueError, TypeError) as e:
        raise InvalidRequest(
            f"the start of {name!r} must be one of {', '.join(WORDS)}, or an array of shape {list(shape)} or {[rows, *shape]}",
            pointer="/params/start",
        ) from e


def apart(rows: Array, box: Box, count: int, deviation: float, rng: np.random.Generator) -> Array:
    """Move all but the first prototype of each target by noise, so that they can come out different."""
    if count == 1 or not deviation:
        return rows
    moves = rng.normal(size=(count, *box.low.shape)) * deviation * box.range
    moves[0] = 0
    whole = rows + np.tile(moves, (len(rows) // count, *[1] * box.low.ndim))
    return np.asarray(np.clip(whole, box.low, box.high))
