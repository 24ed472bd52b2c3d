"""Prototypes side by side: what a class, a neuron or a layer stands for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure

from explainers.labels import label_of
from explainers.types import Array

from ..painter import painter
from ..samples import aspect, small, ticks
from ..scene import Scene
from ..tiles import Tiles, grid

MOST = 40


@painter(array="prototype.", level="all")
def prototype(scene: Scene) -> Figure:
    """Every prototype, with the class that it stands for and its score."""
    name = scene.chosen("prototype.")
    found = scene.whole(f"prototype.{name}")
    assert found is not None
    card = scene.own(name)
    shown = found[:MOST]
    things = list(_beside_originals(scene, name, shown))
    rows, columns, side = grid(len(things), aspect(card, shown.shape[1:]), least=0.95)
    sheet = Tiles(rows, columns, side, ticks=ticks(card, shown.shape[1:]))
    for at, (words, thing) in enumerate(things):
        small(sheet.at(*divmod(at, columns), caption=words), thing, card)
    hidden = len(found) - len(shown)
    sheet.headed(
        scene.title, about_prototypes(scene, len(found)) + (f" · {hidden} not drawn" if hidden else "")
    )
    return sheet.figure


def _beside_originals(scene: Scene, name: str, shown: Array) -> Iterator[tuple[str, Array]]:
    """Yield prototypes with their captions; those that were made after an item, behind that item."""
    last = None
    for i, thing in enumerate(shown):
        item = _made_after(scene, i)
        if item is not None and item != last and name in scene.inputs:
            own = np.moveaxis(scene.inputs[name], scene.own(name).batch_axis or 0, 0)
            last = item
            if item < len(own):
                yield f"item {item}", own[item].astype(np.float64)
        yield caption(scene, i), thing


def _made_after(scene: Scene, i: int) -> int | None:
    known = scene.explanation.account.per_item.get("item", [])
    return int(known[i]) if i < len(known) else None


def caption(scene: Scene, i: int) -> str:
    """Return a prototype's class or number, and its score."""
    score = scene.whole("score")
    known = score is not None and score.ndim == 1 and i < len(score)
    item = _made_after(scene, i)
    label = label_of(scene.explanation.account, i, scene.card).removeprefix("class ")
    label = label or (f"#{i}" if item is None else f"from item {item}")
    return f"{label}: {score[i]:.3g}" if known and score is not None else label


def about_prototypes(scene: Scene, count: int) -> str:
    """Return the line under prototypes."""
    explained = scene.explanation.account.explained
    parts = [f"{count} prototype{'s' * (count != 1)}"]
    if explained:
        parts.append(f"of {explained}")
    if "score" in scene.explanation.arrays:
        known = scene.explanation.account.per_item
        # a search's score is what it made great: of a class, less penalties, plus the density of an expert
        what = next((n for n in ("feature_error", "objective") if n in known), "score")
        parts.append(f"the number is its {what.replace('_', ' ')}")
    return " · ".join(parts)
