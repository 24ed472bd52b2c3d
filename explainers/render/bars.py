"""Pictures of tables and words: one signed bar per feature."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from explainers.types import Array

from .frame import COLOURS, FAINT, INK, frame, headed, names, png, write
from .subject import Subject

MOST = 24
FOR, AGAINST = COLOURS(0.86), COLOURS(0.14)


def draw_bars(drawn: Subject) -> bytes:
    """Draw the features of greatest magnitude as bars: those of a table by size, words in their order."""
    values = np.nan_to_num(drawn.values.reshape(-1))
    chosen = _chosen(values, in_order=drawn.card.kind in ("text", "tokens"))
    figure = headed(frame(7.2, 1.7 + 0.27 * len(chosen)), drawn)
    axes = figure.subplots()
    _bars(axes, values[chosen])
    names(axes, np.arange(len(chosen)), [_label(drawn, int(i)) for i in chosen])
    hidden = values.size - len(chosen)
    write(axes.xaxis.label, drawn.unit + (f", {hidden} smaller ones left out" if hidden else ""))
    return png(figure)


def _bars(axes: Axes, values: Array) -> None:
    colours = [FOR if v > 0 else AGAINST for v in values]
    drawn = axes.barh(np.arange(len(values)), values, color=colours, height=0.72)
    axes.bar_label(drawn, fmt="%+.3g", padding=3, fontsize=8, color=FAINT)
    axes.axvline(0, color=INK, linewidth=0.8)
    reach = 1.25 * float(np.abs(values).max(initial=0)) or 1.0
    axes.set_xlim(-reach, reach)
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=8, colors=INK)
    axes.xaxis.label.set(fontsize=9, color=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _chosen(values: Array, *, in_order: bool) -> Array:
    order = np.argsort(-np.abs(values), kind="stable")[:MOST]
    return np.sort(order) if in_order else order


def _label(drawn: Subject, i: int) -> str:
    known = drawn.card.feature_names
    name = known[i] if known and i < len(known) else f"feature {i}"
    if drawn.given is None or drawn.given.size != drawn.values.size:
        return name
    return f"{name} = {_value(drawn, known, name, i)}"


def _value(drawn: Subject, known: list[str] | None, name: str, i: int) -> str:
    assert drawn.given is not None
    value = drawn.given.reshape(-1)[i]
    if value.dtype.kind not in "fiub":
        return str(value)
    categories = (drawn.card.categories or {}).get(name) if known else None
    if categories and float(value).is_integer() and 0 <= value < len(categories):
        return categories[int(value)]
    return f"{float(value):.4g}"
