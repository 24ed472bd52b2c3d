"""Patches: the part of each item that a unit sees, cut out along the axes of space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ResourceLimit
from ..graph.explanation import find_tensor
from ..layout import axes_of
from ..types import Array, InputCard
from .observed import observed
from .receptive import Fields, fields

if TYPE_CHECKING:
    from ..run import Run

MOST_BYTES = 1 << 28
"""Patches of one input."""


@dataclass(frozen=True)
class Cuts:
    """Where the patches of one input lie, along some axes of its item: begins, then ends, rows last but one."""

    name: str
    axes: list[int]
    box: Array
    """(rows, 2 axes)"""
    shape: tuple[int, ...]
    """Of one item."""

    @property
    def extent(self) -> tuple[int, ...]:
        """The shape of a patch: as long as the longest along the axes that are cut."""
        begins, ends = np.split(self.box, 2, axis=1)
        longest = (ends - begins).max(0, initial=1)
        return tuple(
            int(longest[self.axes.index(a)]) if a in self.axes else n for a, n in enumerate(self.shape)
        )

    def cut(self, item: Array, row: int) -> Array:
        """Return one item's patch; beyond the item's edges, and where the field is shorter, stands 0."""
        patch = np.zeros(self.extent, item.dtype)
        read = [slice(None)] * item.ndim
        write = [slice(None)] * item.ndim
        begins, ends = np.split(self.box[row], 2)
        for axis, begin, end in zip(self.axes, begins, ends, strict=True):
            length, size = int(end - begin), patch.shape[axis]
            # a field that the edge cut short lies at that edge of the patch
            at = size - length if begin == 0 and end < self.shape[axis] else 0
            read[axis], write[axis] = slice(int(begin), int(end)), slice(at, at + length)
        patch[tuple(write)] = item[tuple(read)]
        return patch


def field_of(run: Run, layer: str, cells: Array) -> Fields:
    """Return the receptive fields of cells of a layer, in the graph prepared for one item."""
    model = observed(run.model.prepared(run.one, "one-by-one", {layer}), run.one)
    return fields(model.graph, find_tensor(model.graph, layer, "/params/layer"), cells)


def cuts(run: Run, found: Fields, rows: int) -> list[Cuts]:
    """Return where the patches of each explained input lie; one that the layer does not see has empty boxes."""
    return [_cuts(run, name, found, rows) for name in run.explainable()]


def _cuts(run: Run, name: str, found: Fields, rows: int) -> Cuts:
    shape, axis = run.item_shape(name), run.axes[name] or 0
    axes = space(run.model.card.input(name), shape)
    # the masks have the items' axis too
    box = found.box(name, [a + (a >= axis) for a in axes])
    result = Cuts(name, axes, box, shape)
    size = rows * math.prod(result.extent) * run.inputs[name].dtype.itemsize
    if size > MOST_BYTES:
        raise ResourceLimit(
            f"{rows} patches of {name!r} take {size >> 20} MB and at most {MOST_BYTES >> 20} MB are kept; name fewer `units` or "
            "a smaller `top`",
            pointer="/params/units",
        )
    return result


def space(card: InputCard, shape: Sequence[int]) -> list[int]:
    """Return the axes of an item along which it is cut: height, width, depth, time; all where the layout does not say."""
    letters = axes_of(card, shape)
    found = [i for i, letter in enumerate(letters) if letter in "HWDT"]
    return found or list(range(len(shape)))
