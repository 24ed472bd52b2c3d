"""Reading layers of the deployed model over a data set, batch after batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidRequest, ResourceLimit
from ..types import Array, Arrays
from .layers import POINTER

if TYPE_CHECKING:
    from ..run import Run

MOST_BYTES = 1 << 30
"""Values of layers that are kept."""


class Reader:
    """Named tensors of the deployed model for each item, items first."""

    def __init__(self, run: Run, names: Sequence[str]) -> None:
        self.run, self.names = run, list(dict.fromkeys(names))
        self._inner = [n for n in self.names if n not in run.inputs]
        extra = tuple(n for n in self._inner if n not in run.model.outputs)
        self._session = run.model.forward(run.one, run.place, extra) if self._inner else None
        one = self._raw(run.one)
        two = self._raw(run.take([0, 0])) if run.together else None
        self._axes = {n: _item_axis(n, one[n], None if two is None else two[n]) for n in self.names}
        self._one = {n: a.shape for n, a in one.items()}
        self.shapes = {n: self._first(n, a, 1).shape[1:] for n, a in one.items()}
        self.dtypes = {n: a.dtype for n, a in one.items()}

    def _raw(self, feeds: Arrays) -> Arrays:
        found = {} if self._session is None else self._session.run(feeds, self._inner)
        return {
            n: np.moveaxis(feeds[n], self.run.axes[n] or 0, 0) if n in feeds else found[n] for n in self.names
        }

    def _first(self, name: str, a: Array, rows: int) -> Array:
        axis = self._axes[name]
        if axis is None:
            return a[None]
        a = np.moveaxis(a, axis, 0)
        # heads or steps may be folded into the items' axis
        return a if len(a) == rows else a.reshape(rows, len(a) // rows, *a.shape[1:])

    def items_first(self, name: str) -> bool:
        """Say whether the model itself has a tensor's items first, one row each."""
        return self._axes[name] == 0 and self._one[name][0] == 1

    def in_one(self, name: str, cells: Array) -> Array:
        """Return where cells (..., rank with items first) stand in what the model gives for one item."""
        behind, axis = cells[..., 1:], self._axes[name]
        if axis is None:
            return behind
        if self._one[name][axis] == 1:
            return np.insert(behind, axis, 0, -1)
        # what is folded into the items' axis came out in front
        return np.insert(behind[..., 1:], axis, behind[..., 0], -1)

    def blocks(self) -> Iterator[Arrays]:
        """Give the tensors of consecutive items."""
        done = 0
        for part in self.run.in_batches(self.run.inputs, self._counted):
            done += len(part[self.names[0]])
            self.run.evaluations += len(part[self.names[0]])
            yield part
            self.run.progress(done, self.run.items, "items")

    def _counted(self, feeds: Arrays) -> Arrays:
        rows = self.run.rows_in(feeds)
        return {n: self._first(n, a, rows) for n, a in self._raw(feeds).items()}

    def all(self) -> Arrays:
        """Return the tensors of all items, or refuse what does not fit."""
        size = sum(self.run.items * int(np.prod(s)) * self.dtypes[n].itemsize for n, s in self.shapes.items())
        if size > MOST_BYTES:
            raise ResourceLimit(
                f"{', '.join(self.names)} of {self.run.items} items take {size >> 20} MB and at most {MOST_BYTES >> 20} MB are "
                "kept; send fewer items or name a smaller layer",
                pointer=POINTER,
            )
        parts = list(self.blocks())
        return {n: np.concatenate([p[n] for p in parts]) for n in self.names}


def _item_axis(name: str, one: Array, two: Array | None) -> int | None:
    """Return the axis that doubles with the items; None: the model runs one item at a time and says no more of it."""
    if two is None:
        return 0 if one.ndim and one.shape[0] == 1 else None
    if one.ndim == two.ndim:
        grown = [i for i, (a, b) in enumerate(zip(one.shape, two.shape, strict=True)) if a != b]
        if len(grown) == 1 and two.shape[grown[0]] == 2 * one.shape[grown[0]]:
            return grown[0]
    raise InvalidRequest(
        f"{name!r} has shape {list(one.shape)} for one item and {list(two.shape)} for two: it has no axis of items; "
        "name another tensor",
        pointer=POINTER,
    )
