"""Curves of partial dependence: the score along one feature, on average and item by item."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from explainers.labels import label_of
from explainers.types import Array

from ..frame import DISTINCT, INK, frame, headed, named, open_frame, plain
from ..painter import painter
from ..scene import Scene
from ..subject import about
from ..table import place_names
from ..tiles import spread

MOST, CURVES, CATEGORIES = 9, 100, 8


@dataclass(frozen=True)
class Curve:
    """One feature: its grid (points,), and the score of every item along it (items, points)."""

    label: str
    grid: Array
    ice: Array
    categories: list[str]

    @property
    def reach(self) -> float:
        """How far the mean moves."""
        return float(np.ptp(self.ice.mean(0)))


@painter(array="ice.", level="all")
def dependence(scene: Scene) -> Figure:
    """The score along a grid of each feature: the mean with its error, and a faint curve for each item."""
    every = [c for name in _inputs(scene) for c in _curves(scene, name)]
    drawn = sorted(every, key=lambda c: -c.reach)[:MOST]
    across = min(3, len(drawn))
    down = ceil(len(drawn) / across)
    size = (max(2.5 * across, 4.6), 1.1 + 2.0 * down)
    figure = headed(frame(*size), scene.title, _note(scene, len(every) - len(drawn)))
    panels = figure.subplots(down, across, sharey=True, squeeze=False).reshape(-1)
    for axes, curve in zip(panels, drawn, strict=False):
        _draw(axes, curve)
    for axes in panels[len(drawn) :]:
        axes.set_visible(False)
    for axes in panels[::across]:
        named(axes.yaxis.label, scene.explanation.account.explained or "score", 24)
    return figure


def _inputs(scene: Scene) -> list[str]:
    """Return the inputs that are drawn: all where each is one column of a table."""
    names = scene.suffixes("ice.")
    single = all(scene.explanation.arrays[f"ice.{n}"].shape[1] == 1 for n in names)
    return names if single and scene.of is None else [scene.chosen("ice.")]


def _curves(scene: Scene, name: str) -> list[Curve]:
    ice, grid = scene.whole(f"ice.{name}"), scene.whole(f"grid.{name}")
    assert ice is not None
    assert grid is not None
    places = scene.explanation.account.facts.get("features", {}).get(name, range(ice.shape[1]))
    column = len(scene.suffixes("ice.")) > 1 and ice.shape[1] == 1
    categories = scene.own(name).categories or {}
    labels = [name] if column else place_names(scene.own(name), _shape(scene, name), places)
    return [Curve(label, grid[i], ice[:, i], categories.get(label, [])) for i, label in enumerate(labels)]


def _shape(scene: Scene, name: str) -> list[int]:
    """Return the shape of an item, one long axis where the input did not come along."""
    if name not in scene.inputs:
        return [-1]
    axis = scene.own(name).batch_axis
    return [n for i, n in enumerate(scene.inputs[name].shape) if i != axis]


def _draw(axes: Axes, curve: Curve) -> None:
    grid, first = np.unique(curve.grid, return_index=True)  # a short grid repeats its last point
    ice, words = curve.ice[:, first], _words(curve, grid)
    x = np.arange(len(grid)) if grid.dtype.kind not in "fiub" else grid
    error = ice.std(0, ddof=1) / np.sqrt(len(ice)) if len(ice) > 1 else np.zeros(len(grid))
    mean = ice.mean(0)
    for row in spread(len(ice), CURVES):
        axes.plot(x, ice[row], color="#8c959f", linewidth=0.6, alpha=0.35, zorder=1)
    axes.fill_between(x, mean - 2 * error, mean + 2 * error, color=DISTINCT[0], alpha=0.25, linewidth=0)
    axes.plot(x, mean, color=DISTINCT[0], linewidth=2.0, marker="o" if len(grid) < 8 else "", markersize=4)
    open_frame(axes)
    axes.locator_params(axis="x", nbins=5)
    for axis in (axes.xaxis, axes.yaxis):
        # a power of ten at the axis' end would lie on the feature's name
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.5g}"))
    named(axes.xaxis.label, curve.label, 28)
    if words:
        axes.set_xticks(x[: len(words)], words, parse_math=False, rotation=30, color=INK)


def _words(curve: Curve, grid: Array) -> list[str]:
    """Return the names of the points of a feature that has categories, or that is words itself."""
    if len(grid) > CATEGORIES:
        return []
    if grid.dtype.kind not in "fiub":
        return [plain(str(v), 12) for v in grid]
    known = curve.categories
    fit = known and all(float(v).is_integer() and 0 <= v < len(known) for v in grid)
    return [plain(known[int(v)], 12) for v in grid] if fit else []


def _explained(scene: Scene) -> list[str]:
    """Say which class the curves are of, where there is one."""
    account = scene.explanation.account
    if len(set(account.index)) > 1:
        return ["explains each item's own class"]
    return [f"explains {label}"] if (label := label_of(account, 0, scene.card)) else []


def _note(scene: Scene, hidden: int) -> str:
    drawn = len(scene.explanation.arrays[f"ice.{_inputs(scene)[0]}"])
    parts = [about(scene), *_explained(scene), "line: mean, band: two standard errors, grey: single items"]
    if drawn < scene.explanation.account.items:
        parts.append(f"of the first {drawn} items")
    if hidden:
        parts.append(f"{hidden} features that change less are left out")
    return " · ".join(parts)
