"""Beeswarms: how the attributions of a batch spread, feature by feature."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from explainers.types import Array

from ..frame import AMOUNTS, FAINT, INK, frame, headed, named, names, open_frame, scale_bar
from ..painter import painter
from ..scene import Scene
from ..subject import about, unit_of
from ..table import feature_names, is_columns

MOST, BINS = 15, 60
POINTS = 2000
"""Items beyond which points hide each other: so many are drawn."""


def _is_table(scene: Scene) -> bool:
    return is_columns(scene, "attribution.") or scene.form("attribution.") == "features"


@painter(array="attribution.", level="all", fits=_is_table)
def beeswarm(scene: Scene) -> Figure:
    """A dot per item and feature of a table: where the attribution lies, coloured by the feature's value."""
    labels, values, given = _gathered(scene)
    order = np.argsort(-np.abs(values).mean(0), kind="stable")[:MOST]
    figure = headed(frame(7.4, 1.5 + 0.36 * max(len(order), 2)), scene.title, _note(scene, values, order))
    axes = figure.subplots()
    for row, i in enumerate(order):
        _swarm(axes, row, values[:, i], None if given is None else given[:, i])
    axes.axvline(0, color=INK, linewidth=0.8, zorder=0)
    reach = 1.06 * float(np.abs(values[:, order]).max(initial=0)) or 1.0
    axes.set_xlim(-reach, reach)
    axes.set_ylim(len(order) - 0.4, -0.6)
    names(axes, np.arange(len(order)), [labels[i] for i in order])
    open_frame(axes, "top", "right", "left")
    axes.tick_params(axis="y", length=0)
    named(axes.xaxis.label, unit_of(scene, *scene.suffixes("attribution.")))
    if given is not None:
        _values_bar(figure, axes)
    return figure


def _gathered(scene: Scene) -> tuple[list[str], Array, Array | None]:
    """Return the features' names, attributions (items, features) and values, from one input or one column each."""
    columns = is_columns(scene, "attribution.")
    used = scene.suffixes("attribution.") if columns else [scene.chosen("attribution.")]
    there = [scene.whole(f"attribution.{n}") for n in used]
    parts = [_rows(scene, a, n) for a, n in zip(there, used, strict=True) if a is not None]
    labels = used if columns else feature_names(scene.own(used[0]), parts[0].shape[1])
    values = np.concatenate(parts, 1).astype(np.float64)
    known = [scene.inputs[n] for n in used if n in scene.inputs and scene.inputs[n].dtype.kind in "fiub"]
    given = [_rows(scene, a, n) for a, n in zip(known, used, strict=False)]
    fits = len(given) == len(used) and sum(g.shape[1] for g in given) == values.shape[1]
    held = np.concatenate(given, 1).astype(np.float64) if fits else None
    # of long batches not all inputs come along; items that failed hold NaN
    values = values if held is None else values[: len(held)]
    whole = np.asarray(np.isfinite(values).all(axis=1))
    return labels, values[whole], None if held is None else held[: len(values)][whole]


def _rows(scene: Scene, a: Array, name: str) -> Array:
    return np.moveaxis(a, scene.own(name).batch_axis or 0, 0).reshape(
        a.shape[scene.own(name).batch_axis or 0], -1
    )


def _swarm(axes: Axes, row: int, x: Array, given: Array | None) -> None:
    chosen = np.linspace(0, len(x) - 1, min(len(x), POINTS)).astype(int)
    x, y = x[chosen], row + _beside(x[chosen])
    colour = FAINT if given is None else AMOUNTS(_ranked(given)[chosen])
    axes.scatter(x, y, s=9, c=colour, linewidths=0, alpha=0.85, rasterized=True)


def _beside(x: Array) -> Array:
    """Return how far each dot moves aside, so that dots of like values do not cover each other."""
    width = float(np.ptp(x)) or 1.0
    cells = ((x - x.min()) / width * (BINS - 1)).astype(int)
    moved = np.zeros(len(x))
    most = max(np.bincount(cells).max(), 8)
    for cell in np.unique(cells):
        inside = np.flatnonzero(cells == cell)
        side = np.arange(len(inside)) + 1
        moved[inside] = np.where(side % 2, -1, 1) * (side // 2)
    return np.asarray(moved / most * 0.8)


def _ranked(given: Array) -> Array:
    """Return values between the 5th and the 95th percentile as 0 to 1, so that an outlier takes no colours away."""
    low, high = np.percentile(given, [5, 95])
    return np.asarray(np.clip((given - low) / ((high - low) or 1), 0, 1))


def _values_bar(figure: Figure, axes: Axes) -> None:
    scale = ScalarMappable(Normalize(0, 1), AMOUNTS)
    scale_bar(figure, scale, "the feature's own value", ax=axes, pad=0.02, aspect=30)
    figure.axes[-1].set_yticks([0, 1], ["low", "high"])


def _note(scene: Scene, values: Array, order: Array) -> str:
    parts, items = [about(scene)], scene.explanation.account.items
    if min(len(values), POINTS) < items:
        parts.append(f"{min(len(values), POINTS)} of them are drawn")
    if values.shape[1] > len(order):
        parts.append(f"{values.shape[1] - len(order)} features with less are left out")
    return " · ".join(parts)
