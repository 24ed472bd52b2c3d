"""Prototypes side by side: what a class, a neuron or a layer stands for."""

from __future__ import annotations

from matplotlib.figure import Figure

from explainers.labels import label_of

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
    rows, columns, side = grid(len(shown), aspect(card, shown.shape[1:]), least=0.95)
    sheet = Tiles(rows, columns, side, ticks=ticks(card, shown.shape[1:]))
    for i, thing in enumerate(shown):
        small(sheet.at(*divmod(i, columns), caption=caption(scene, i)), thing, card)
    hidden = len(found) - len(shown)
    sheet.headed(
        scene.title, about_prototypes(scene, len(found)) + (f" · {hidden} not drawn" if hidden else "")
    )
    return sheet.figure


def caption(scene: Scene, i: int) -> str:
    """Return a prototype's class or number, and its score."""
    score = scene.whole("score")
    known = score is not None and score.ndim == 1 and i < len(score)
    label = label_of(scene.explanation.account, i, scene.card).removeprefix("class ") or f"#{i}"
    return f"{label}: {score[i]:.3g}" if known and score is not None else label


def about_prototypes(scene: Scene, count: int) -> str:
    """Return the line under prototypes."""
    explained = scene.explanation.account.explained
    parts = [f"{count} prototype{'s' * (count != 1)}"]
    if explained:
        parts.append(f"of {explained}")
    if "score" in scene.explanation.arrays:
        parts.append("the number is its score")
    return " · ".join(parts)
