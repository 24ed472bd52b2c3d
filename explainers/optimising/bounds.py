"""Where values may lie: the least and greatest of each, from the parameters or the model's card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..baselines import Subject
from ..errors import InvalidRequest
from ..types import Array, InputCard


@dataclass(frozen=True)
class Box:
    """The least and greatest value of every place of one item; infinite where nothing is known."""

    low: Array
    high: Array

    @property
    def closed(self) -> bool:
        """Whether both ends are known everywhere."""
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all())

    @property
    def range(self) -> Array:
        """Return the length between the ends, 1 where one of them is unknown."""
        length = self.high - self.low
        return np.where(np.isfinite(length), length, 1.0)

    @property
    def middle(self) -> Array:
        """Return the point half-way between the ends, the one nearest to 0 where one of them is unknown."""
        known = np.isfinite(self.low) & np.isfinite(self.high)
        inside = np.where(known, self.low, 0.0) / 2 + np.where(known, self.high, 0.0) / 2
        return np.where(known, inside, np.clip(0.0, self.low, self.high))


def plain(a: Array, dtype: Any) -> Array:
    """Return an array in a type, as one number where all are the same: that is quicker to compute with."""
    a = np.asarray(a, dtype)
    return a.reshape(-1)[0] if a.size and (a == a.reshape(-1)[0]).all() else a


def open_box(shape: tuple[int, ...]) -> Box:
    """Return a box without ends."""
    return Box(np.full(shape, -np.inf), np.full(shape, np.inf))


def box_of(of: Subject, card: InputCard, low: Any, high: Any) -> Box:
    """Return an input's box; lists have one number per channel, or one per value."""
    ends = []
    for name, given, stated, free in (("low", low, card.low, -np.inf), ("high", high, card.high, np.inf)):
        value = given.get(of.name) if isinstance(given, Mapping) else given
        value = stated if value is None else value
        ends.append(_spread(free if value is None else value, of, f"/params/{name}"))
    if (ends[0] > ends[1]).any():
        raise InvalidRequest(f"low is above high for some values of {of.name!r}", pointer="/params/low")
    return Box(*ends)


def _spread(value: Any, of: Subject, pointer: str) -> Array:
    a = np.asarray(value, np.float64)
    if a.ndim == 1 and len(of.shape) > 1 and of.channel is not None and len(a) == of.shape[of.channel]:
        a = a.reshape([-1 if i == of.channel else 1 for i in range(len(of.shape))])
    try:
        return np.broadcast_to(a, of.shape)
    except ValueError as e:
        raise InvalidRequest(
            f"the bound does not fit an item of {of.name!r}, which has shape {list(of.shape)}; give a number, one per channel, "
            "or one per value",
            pointer=pointer,
        ) from e
