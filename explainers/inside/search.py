"""The items of a data set that drive each unit of a layer most, found block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidRequest
from ..types import Array
from .reading import Reader

if TYPE_CHECKING:
    from ..run import Run


@dataclass(frozen=True)
class Strongest:
    """Per unit, its strongest items in falling order: activation, item, and the cell of the layer where it is."""

    units: Array
    activation: Array
    """(units, k)"""
    item: Array
    """(units, k)"""
    cell: Array
    """(units, k, rank of the layer); the items stand first and hold 0."""
    silent: list[int]
    """Units that are 0 at every item and position."""


def strongest(
    run: Run, reader: Reader, layer: str, axis: int, top: int, wanted: Sequence[int] | None
) -> Strongest:
    """Search a data set; each item counts with the position where it drives the unit most, the first of equals."""
    shape = reader.shapes[layer]
    units = _units(layer, shape[axis - 1], wanted)
    best = _Best(min(top, run.items), len(units))
    for block in reader.blocks():
        best.add(np.moveaxis(block[layer], axis, 1)[:, units])
    silent = [int(u) for u, some in zip(units, best.fires, strict=True) if not some]
    keep = _keep(layer, units, best.fires, wanted)
    rest = tuple(n for i, n in enumerate(shape, 1) if i != axis)
    cell = np.zeros((len(keep), best.count, len(shape) + 1), np.int64)
    others = [i for i in range(1, len(shape) + 1) if i != axis]
    if others:
        cell[..., others] = np.stack(np.unravel_index(best.place[keep], rest), -1)
    cell[..., axis] = units[keep][:, None]
    return Strongest(units[keep], best.activation[keep], best.item[keep], cell, silent)


def _units(layer: str, count: int, wanted: Sequence[int] | None) -> Array:
    units = np.arange(count) if wanted is None else np.asarray(wanted, np.int64)
    for i, u in enumerate(units):
        if not -count <= u < count:
            raise InvalidRequest(
                f"{int(u)} is no unit of {layer!r}, which has {count} (0 to {count - 1})",
                pointer=f"/params/units/{i}",
            )
    return units % count


def _keep(layer: str, units: Array, fires: Array, wanted: Sequence[int] | None) -> Array:
    """Return which rows have something to show; a unit that was asked for by number and never fires is refused."""
    there = [int(u) for u in units[fires]]
    dead = [int(u) for u in units[~fires]]
    if dead and (wanted is not None or not there):
        shown = ", ".join(map(str, there[:30])) + (f" and {len(there) - 30} more" if len(there) > 30 else "")
        many = (
            f"unit {dead[0]} of {layer!r} never fires"
            if len(dead) == 1
            else f"units {dead[:30]} of {layer!r} never fire"
        )
        raise InvalidRequest(
            f"{many} on this data set: 0 at every item and position; "
            + (f"of those asked for, these do: {shown}" if there else "none of those asked for does"),
            pointer="/params/units" if wanted is not None else "/params/layer",
        )
    return np.flatnonzero(fires)


class _Best:
    """The running best items of each unit."""

    def __init__(self, count: int, units: int) -> None:
        self.count = count
        self.activation = np.full((units, count), -np.inf)
        self.item = np.zeros((units, count), np.int64)
        self.place = np.zeros((units, count), np.int64)
        self.fires = np.zeros(units, bool)
        self._seen = 0

    def add(self, block: Array) -> None:
        """Take in the activations (items, units, ...) of the next items."""
        flat = block.reshape(*block.shape[:2], -1)
        self.fires |= (flat != 0).any((0, 2))
        place = flat.argmax(2).T
        value = np.nan_to_num(flat.max(2).T.astype(np.float64), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        item = np.broadcast_to(self._seen + np.arange(len(block)), value.shape)
        self._seen += len(block)
        values = np.concatenate([self.activation, value], 1)
        # earlier items come first, so that equals keep their order
        order = np.argsort(-values, axis=1, kind="stable")[:, : self.count]
        self.activation = np.take_along_axis(values, order, 1)
        self.item = np.take_along_axis(np.concatenate([self.item, item], 1), order, 1)
        self.place = np.take_along_axis(np.concatenate([self.place, place], 1), order, 1)
