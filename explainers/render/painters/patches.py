"""Sheets of patches: what drives each neuron or channel most in a data set."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from explainers.layout import axes_of
from explainers.types import Array

from ..painter import painter
from ..samples import aspect, small, ticks
from ..scene import Scene
from ..tiles import Tiles, grid

UNITS, PATCHES = 16, 9


@painter(array="patch.", level="all")
def patches(scene: Scene) -> Figure:
    """The patches of a data set that drive each unit most, the strongest first, with the activation and the item."""
    name = scene.chosen("patch.")
    found = scene.whole(f"patch.{name}")
    assert found is not None
    found = outside(scene, name, found)
    card, units, most = scene.own(name), min(len(found), UNITS), min(found.shape[1], PATCHES)
    _, _, side = grid(PATCHES, aspect(card, found.shape[2:]), most=0.78)
    sheet = Tiles(units, most, side, left=0.8, ticks=ticks(card, found.shape[2:]))
    for row in range(units):
        sheet.row(row, unit(scene, row))
        for column in range(most):
            small(sheet.at(row, column, _caption(scene, row, column)), found[row, column], card)
    hidden = len(found) - units
    note = "above each patch: the activation, and in brackets the item" + (
        f" · {hidden} units not drawn" if hidden else ""
    )
    sheet.headed(scene.title, note)
    return sheet.figure


def unit(scene: Scene, row: int) -> str:
    """Return what a row's unit is called."""
    known = scene.whole("unit")
    return f"unit {int(known[row]) if known is not None and row < len(known) else row}"


def _caption(scene: Scene, row: int, column: int) -> str:
    activation, item = scene.whole("activation"), scene.explanation.arrays.get("item")
    parts = []
    if activation is not None and activation.ndim > 1:
        parts.append(f"{activation[row, column]:.3g}")
    if item is not None and item.ndim > 1:
        parts.append(f"({int(item[row, column])})")
    return " ".join(parts)


def outside(scene: Scene, name: str, patches: Array) -> Array:
    """Return patches (units, k, ...) with NaN where they reach beyond their item; what lies there is nobody's."""
    first = scene.suffixes("patch.")[0] == name
    box = scene.whole("box" if first else f"box.{name}")
    space = [i for i, letter in enumerate(axes_of(scene.own(name), patches.shape[2:])) if letter in "HWDT"]
    if box is None or box.shape[-1] != 2 * len(space):
        return patches
    patches = patches.copy()
    begins, ends = np.split(box.astype(int), 2, axis=-1)
    for at in np.ndindex(patches.shape[:2]):
        inside = np.zeros(patches.shape[2:], bool)
        cut = [slice(None)] * inside.ndim
        for axis, begin, length in zip(space, begins[at], (ends - begins)[at], strict=True):
            # a field that the item's edge cut short lies at that edge of the patch
            start = inside.shape[axis] - length if begin == 0 else 0
            cut[axis] = slice(start, start + length)
        inside[tuple(cut)] = True
        patches[at][~inside] = np.nan
    return patches
