"""A contact sheet: many items, each with its input and one overlay per explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from explainers.errors import InvalidRequest
from explainers.types import Arrays, Card, Explanation

from .frame import COLOURS, INK, finish, frame, write, zero_centred
from .raster import overlay, panel, shown
from .scene import Scene
from .subject import Subject, limits, subject

SIDE, GAP, HEAD, FOOT = 1.05, 0.28, 0.36, 1.0
"""Inches: a panel's side, the gap between items, the title's height, the height of the scales."""
NARROW = 2.5
"""Inches below which a scale has three ticks and says no unit."""


def contact_sheet(
    explanations: Mapping[str, Explanation],
    inputs: Arrays,
    items: Mapping[int, str],
    card: Card,
    of: str | None = None,
    *,
    title: str = "",
    across: int = 4,
    clip: float = 98.5,
) -> bytes:
    """Draw items of images, each with its caption, as a PNG; the items of one explanation share its scale."""
    columns = [
        _one_scale([subject(Scene(e, inputs, card, item, of, clip)) for item in items], clip)
        for e in explanations.values()
    ]
    if any(drawn.form != "image" or drawn.given is None for column in columns for drawn in column):
        raise InvalidRequest("a contact sheet shows images with their inputs; draw other kinds one by one")
    figure = _empty_sheet(len(items), len(columns) + 1, across)
    write(
        figure.suptitle("", x=GAP / figure.get_figwidth(), ha="left", fontsize=13, fontweight="bold"), title
    )
    for at, caption in enumerate(items.values()):
        row = [column[at] for column in columns]
        _item(figure, row, list(explanations), caption, divmod(at, across))
    _scales(figure, dict(zip(explanations, (column[0] for column in columns), strict=True)))
    return finish(figure, "png")


def _one_scale(drawn: Sequence[Subject], clip: float) -> list[Subject]:
    limit, clipped = limits(np.concatenate([d.values.ravel() for d in drawn]), clip)
    return [replace(d, limit=limit, clipped=clipped) for d in drawn]


def _empty_sheet(items: int, panels: int, across: int) -> Figure:
    columns = min(items, across)
    width = GAP + columns * (panels * SIDE + GAP)
    figure = frame(width, HEAD + ceil(items / across) * (SIDE + 2 * GAP) + FOOT)
    figure.set_layout_engine("none")
    return figure


def _item(figure: Figure, row: list[Subject], names: list[str], caption: str, place: tuple[int, int]) -> None:
    line, column = place
    left = GAP + column * ((len(row) + 1) * SIDE + GAP)
    top = HEAD + 1.7 * GAP + line * (SIDE + 2 * GAP)
    pictures = [shown(row[0]), *(overlay(drawn) for drawn in row)]
    for at, (picture, name) in enumerate(zip(pictures, ["", *names], strict=True)):
        axes = _axes(figure, left + at * SIDE, top, SIDE * 0.96, SIDE * 0.96)
        panel(axes, picture, name.replace("_", " ") if at else caption)
        axes.title.set(fontsize=8, fontweight="normal" if at else "bold")


def _scales(figure: Figure, methods: dict[str, Subject]) -> None:
    each = (figure.get_figwidth() - GAP) / len(methods)
    top = figure.get_figheight() - FOOT + 0.3
    for at, (name, drawn) in enumerate(methods.items()):
        axes = _axes(figure, GAP + at * each, top, each - 2 * GAP, 0.14)
        scale = ScalarMappable(zero_centred(drawn.limit), COLOURS)
        ends = "both" if drawn.clipped else "neither"
        bar = figure.colorbar(scale, cax=axes, orientation="horizontal", extend=ends, extendfrac=0.02)
        narrow = each < NARROW
        if narrow:
            bar.set_ticks([-0.7 * drawn.limit, 0, 0.7 * drawn.limit])
            bar.ax.xaxis.set_major_formatter(lambda v, _: f"{v:.2g}")
        axes.tick_params(labelsize=7 if narrow else 8, colors=INK)
        label = name.replace("_", " ")
        write(axes.xaxis.label, label if narrow else f"{label}: {drawn.unit}")
        axes.xaxis.label.set(fontsize=8 if narrow else 9, color=INK)


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return axes whose place is given in inches from the top left."""
    w, h = figure.get_figwidth(), figure.get_figheight()
    return figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))
