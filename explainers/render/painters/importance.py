"""Pictures of permutation importance: what a metric loses when a feature is shuffled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..frame import INK, frame, headed, named
from ..painter import painter
from ..scene import Scene
from ..subject import about, subject
from ..table import Feature, features, is_columns
from ..wording import words_of
from . import image as images
from . import matrix, volume
from . import series as curves
from .bars import draw, explained_errors, largest, left_out
from .words import draw_words

_DRAW = {"image": images.draw, "volume": volume.draw, "series": curves.draw, "matrix": matrix.draw}


def _is_permuted(scene: Scene) -> bool:
    return bool(scene.suffixes("repeats."))


@painter(array="importance.", level="all", fits=_is_permuted)
def importance(scene: Scene) -> Figure:
    """How much a metric loses when a feature is shuffled among the items: bars with errors, or a map of what is no table."""
    return draw_importance(scene, _unit(scene), _note(scene))


def draw_importance(scene: Scene, unit: str, note: str) -> Figure:
    """Draw importances as bars, or as the input that they are about looks."""
    form = scene.form("importance.")
    if is_columns(scene, "importance.") or form == "features":
        return _table(scene, unit, note)
    drawn = replace(subject(scene, "importance."), unit=unit, subtitle=note)
    return draw_words(drawn, words_of(scene, "importance.")) if form == "words" else _DRAW[form](drawn)


def _table(scene: Scene, unit: str, note: str) -> Figure:
    everything = features(scene, "importance.")
    rows, hidden = largest(everything)
    figure = headed(frame(7.4, 1.35 + 0.27 * max(len(rows), 2)), scene.title, note)
    axes = figure.subplots()
    draw(axes, rows)
    _repeats(axes, scene, everything, rows)
    named(axes.xaxis.label, f"{unit}{explained_errors(rows)}{left_out(hidden)}", 110)
    return figure


def _repeats(axes: Axes, scene: Scene, everything: list[Feature], rows: list[Feature]) -> None:
    """Draw every single permutation as a dot, where the groups' numbers are the features'."""
    parts = [scene.whole(f"repeats.{n}") for n in scene.suffixes("importance.")]
    there = [p for p in parts if p is not None]
    losses = np.concatenate(there, 1) if len(there) == len(parts) else np.zeros((0, 0))
    if losses.shape[1] != len(everything):
        return
    places = [everything.index(r) for r in rows]
    for at, place in enumerate(places):
        y = np.full(len(losses), at + 0.22)
        axes.scatter(losses[:, place], y, s=7, color=INK, alpha=0.45, linewidths=0)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 1.06 * losses.min()), max(high, 1.06 * losses.max()))


def _unit(scene: Scene) -> str:
    metric = str(scene.explanation.account.facts.get("metric", "score"))
    return f"loss of {metric} when shuffled"


def _note(scene: Scene) -> str:
    start = scene.explanation.account.facts.get("unshuffled")
    known = isinstance(start, int | float)
    return about(scene) + (f" · unshuffled: {start:.4g}" if known else "")
