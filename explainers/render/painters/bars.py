"""Pictures of tables: one signed bar per feature, with its standard error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..frame import AGAINST, FAINT, FOR, INK, frame, headed, named, names, open_frame
from ..painter import painter
from ..scene import Scene
from ..subject import about, unit_of
from ..table import Feature, features, is_columns

MOST = 20


def _has_columns(scene: Scene) -> bool:
    return is_columns(scene, "attribution.") or scene.form("attribution.") == "features"


@painter(array="attribution.", level="item", fits=_has_columns, rank=-1)
def bars(scene: Scene) -> Figure:
    """A bar for each feature of a table, with its standard error where the method has one."""
    rows, hidden = largest(features(scene))
    figure = headed(frame(7.4, 1.35 + 0.27 * max(len(rows), 2)), scene.title, about(scene))
    axes = figure.subplots()
    draw(axes, rows)
    drawn = (
        scene.suffixes("attribution.")
        if is_columns(scene, "attribution.")
        else [scene.chosen("attribution.")]
    )
    unit = unit_of(scene, *drawn)
    named(axes.xaxis.label, f"{unit}{explained_errors(rows)}{left_out(hidden)}", 110)
    return figure


def largest(rows: Sequence[Feature], most: int = MOST) -> tuple[list[Feature], int]:
    """Return the features of greatest value, the greatest first, and how many were left out."""
    ordered = sorted(rows, key=lambda r: -abs(r.value))
    return ordered[:most], max(0, len(ordered) - most)


def draw(axes: Axes, rows: Sequence[Feature]) -> None:
    """Draw a bar per feature from top to bottom, with its number in a column at the right."""
    values = np.array([r.value for r in rows])
    errors = np.array([r.error or 0.0 for r in rows])
    at = np.arange(len(rows))
    axes.barh(at, values, color=[FOR if v > 0 else AGAINST for v in values], height=0.72)
    if errors.any():
        axes.errorbar(values, at, xerr=errors, fmt="none", ecolor=INK, elinewidth=1.1, capsize=2.5)
    axes.axvline(0, color=INK, linewidth=0.8)
    low, high = (values - errors).min(initial=0), (values + errors).max(initial=0)
    # zero is in the middle where both signs are there
    reach = 1.06 * max(-low, high) or 1.0
    axes.set_xlim(-reach if low < 0 else -0.02 * reach, reach if high > 0 else 0.02 * reach)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    names(axes, at, [r.label for r in rows])
    open_frame(axes, "top", "right", "left")
    axes.tick_params(axis="y", length=0)
    numbers(axes, rows)


def numbers(axes: Axes, rows: Sequence[Feature]) -> None:
    """Write each value with its error at the right of the axes."""
    for i, row in enumerate(rows):
        words = (f"{row.value:+.3g}" if row.value else "0") + (f" ± {row.error:.1g}" if row.error else "")
        where = axes.get_yaxis_transform()
        axes.text(1.01, i, words, transform=where, va="center", fontsize=8, color=FAINT)


def explained_errors(rows: Sequence[Feature]) -> str:
    """Return what the whiskers are, where there are some."""
    return ", ± one standard error" if any(r.error for r in rows) else ""


def left_out(hidden: int) -> str:
    """Return how many features are not shown."""
    return f"; {hidden} smaller left out" if hidden else ""
