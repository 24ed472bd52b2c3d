"""Waterfalls: from the score of nothing to the item's score, feature by feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from explainers.centres import shares_out

from ..frame import AGAINST, FAINT, FOR, INK, frame, headed, named, names, open_frame
from ..painter import painter
from ..scene import Scene
from ..subject import about, figure_of
from ..table import Feature, features
from .bars import _has_columns, largest, numbers

MOST = 14


def _complete(scene: Scene) -> bool:
    assert scene.item is not None
    account = scene.explanation.account
    starts = figure_of(account, "baseline_score", scene.item) is not None
    return starts and shares_out(account.method, account.params) and _has_columns(scene)


@painter(array="attribution.", level="item", fits=_complete, rank=1)
def waterfall(scene: Scene) -> Figure:
    """From the score at the baseline to the item's score, a step for each feature; for methods that share out the difference."""
    fall = _fall(scene)
    figure = headed(frame(7.4, 1.6 + 0.27 * len(fall.rows)), scene.title, about(scene))
    axes = figure.subplots()
    _steps(axes, fall)
    names(axes, np.arange(len(fall.rows)), [r.label for r in fall.rows])
    numbers(axes, fall.rows)
    named(
        axes.xaxis.label,
        f"{scene.explanation.account.explained or 'score'}, from the baseline's to the item's",
    )
    return figure


@dataclass(frozen=True)
class Fall:
    """Where it starts and ends, and the steps, the first at the top."""

    start: float
    end: float
    rows: list[Feature]


def _fall(scene: Scene) -> Fall:
    account, item = scene.explanation.account, scene.item
    assert item is not None
    start = figure_of(account, "baseline_score", item) or 0.0
    end = figure_of(account, "linked_score", item)
    end = account.score[item] if end is None else end
    rows, hidden = largest(features(scene), MOST)
    rest = sum(f.value for f in features(scene)) - sum(r.value for r in rows)
    if hidden:
        rows.append(Feature(f"{hidden} smaller ones together", rest))
    missed = end - start - sum(r.value for r in rows)
    if abs(missed) > 1e-3 * max(abs(end - start), 1e-9):
        rows.append(Feature("not shared out", missed))
    return Fall(start, end, rows)


def _steps(axes: Axes, fall: Fall) -> None:
    edges = fall.start + np.concatenate([[0.0], np.cumsum([r.value for r in fall.rows])])
    at = np.arange(len(fall.rows))
    values = np.diff(edges)
    axes.barh(at, values, left=edges[:-1], color=[FOR if v > 0 else AGAINST for v in values], height=0.66)
    axes.vlines(edges[1:-1], at[:-1] + 0.33, at[1:] - 0.33, color=FAINT, linewidth=0.8)
    margin = 0.04 * float(np.ptp(edges)) or 1.0
    axes.set_xlim(edges.min() - margin, edges.max() + margin)
    bottom = len(fall.rows) + 0.35
    axes.set_ylim(bottom, -0.7)
    # where it begins above, where it ends below: they may lie near each other
    for x, y, words in (
        (fall.start, -0.72, f"baseline {fall.start:.4g}"),
        (fall.end, bottom - 0.08, f"item {fall.end:.4g}"),
    ):
        axes.axvline(x, color=INK, linewidth=0.8, linestyle=(0, (3, 3)), zorder=0)
        left = 2 * x < edges.min() + edges.max()
        axes.text(x, y, f" {words} ", ha="left" if left else "right", va="bottom", fontsize=8, color=INK)
    open_frame(axes, "top", "right", "left")
    axes.tick_params(axis="y", length=0)
