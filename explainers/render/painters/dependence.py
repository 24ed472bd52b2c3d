"""Curves of partial dependence: the score along one feature, on average and item by item."""

from __future__ import annotations

from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from explainers.types import Array

from ..frame import DISTINCT, INK, frame, headed, named, open_frame, plain
from ..painter import painter
from ..scene import Scene
from ..subject import about
from ..table import feature_names
from ..tiles import spread

MOST, CURVES, CATEGORIES = 9, 100, 8


@painter(array="ice.", level="all")
def dependence(scene: Scene) -> Figure:
    """The score along a grid of each feature: the mean with its error, and a faint curve for each item."""
    name = scene.chosen("ice.")
    ice, grid = scene.whole(f"ice.{name}"), scene.whole(f"grid.{name}")
    assert ice is not None
    assert grid is not None
    mean = ice.mean(0)
    order = np.argsort(-np.ptp(mean, axis=1), kind="stable")[:MOST]
    across = min(3, len(order))
    down = ceil(len(order) / across)
    figure = headed(frame(max(2.5 * across, 4.6), 1.1 + 2.0 * down), scene.title, _note(scene, ice, order))
    panels = figure.subplots(down, across, sharey=True, squeeze=False).reshape(-1)
    labels = _labels(scene, name, len(mean))
    for axes, i in zip(panels, order, strict=False):
        _curve(axes, grid[i], ice[:, i], labels[i])
        _categories(axes, scene, name, labels[i], grid[i])
    for axes in panels[len(order) :]:
        axes.set_visible(False)
    for axes in panels[::across]:
        named(axes.yaxis.label, scene.explanation.account.explained or "score", 24)
    return figure


def _curve(axes: Axes, grid: Array, ice: Array, label: str) -> None:
    grid, first = np.unique(grid, return_index=True)  # a short grid repeats its last point
    ice = ice[:, first]
    error = ice.std(0, ddof=1) / np.sqrt(len(ice)) if len(ice) > 1 else np.zeros(len(grid))
    mean = ice.mean(0)
    for row in spread(len(ice), CURVES):
        axes.plot(grid, ice[row], color="#8c959f", linewidth=0.6, alpha=0.35, zorder=1)
    axes.fill_between(grid, mean - 2 * error, mean + 2 * error, color=DISTINCT[0], alpha=0.25, linewidth=0)
    axes.plot(grid, mean, color=DISTINCT[0], linewidth=2.0, marker="o" if len(grid) < 8 else "", markersize=4)
    open_frame(axes)
    axes.locator_params(axis="x", nbins=5)
    named(axes.xaxis.label, label, 28)


def _categories(axes: Axes, scene: Scene, name: str, label: str, grid: Array) -> None:
    """Name the points of a feature that has categories."""
    known = (scene.own(name).categories or {}).get(label, [])
    points = [int(v) for v in np.unique(grid) if float(v).is_integer() and 0 <= v < len(known)]
    if points and len(points) <= CATEGORIES:
        axes.set_xticks(
            points, [plain(known[p], 12) for p in points], parse_math=False, rotation=30, color=INK
        )


def _labels(scene: Scene, name: str, count: int) -> list[str]:
    places = scene.explanation.account.facts.get("features", {}).get(name, range(count))
    known = feature_names(scene.own(name), max(places, default=0) + 1)
    return [known[p] for p in places]


def _note(scene: Scene, ice: Array, order: Array) -> str:
    parts = [about(scene), "line: mean, band: two standard errors, grey: single items"]
    if ice.shape[1] > len(order):
        parts.append(f"{ice.shape[1] - len(order)} features that change less are left out")
    return " · ".join(parts)
