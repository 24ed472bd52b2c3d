"""Sheets of patches: what drives each neuron or channel most in a data set."""

from __future__ import annotations

from matplotlib.figure import Figure

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
    card, units, most = scene.own(name), min(len(found), UNITS), min(found.shape[1], PATCHES)
    _, _, side = grid(PATCHES, aspect(card, found.shape[2:]), most=0.78)
    sheet = Tiles(units, most, side, left=0.8, ticks=ticks(card, found.shape[2:]))
    for row in range(units):
        sheet.row(row, _unit(scene, row))
        for column in range(most):
            small(sheet.at(row, column, _caption(scene, row, column)), found[row, column], card)
    hidden = len(found) - units
    note = "above each patch: the activation, and in brackets the item" + (
        f" · {hidden} units not drawn" if hidden else ""
    )
    sheet.headed(scene.title, note)
    return sheet.figure


def _unit(scene: Scene, row: int) -> str:
    known = scene.explanation.account.facts.get("units")
    fits = isinstance(known, list) and row < len(known)
    return f"unit {known[row] if fits and known else row}"


def _caption(scene: Scene, row: int, column: int) -> str:
    activation, item = scene.whole("activation"), scene.explanation.arrays.get("item")
    parts = []
    if activation is not None and activation.ndim > 1:
        parts.append(f"{activation[row, column]:.3g}")
    if item is not None and item.ndim > 1:
        parts.append(f"({int(item[row, column])})")
    return " ".join(parts)
