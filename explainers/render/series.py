"""Pictures of series: a line for every channel over a background in the colours of its attributions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from explainers.types import Array

from .frame import COLOURS, FAINT, INK, colour_bar, frame, headed, png, write, zero_centred
from .subject import Subject

MOST = 6


def draw_series(drawn: Subject) -> bytes:
    """Draw the channels of greatest attribution, one above the other."""
    values = _time_first(drawn.values, drawn.axes)
    given = None if drawn.given is None else _time_first(drawn.given, drawn.axes)
    order = np.argsort(-np.abs(values).sum(axis=0), kind="stable")[:MOST]
    channels = np.sort(order)
    figure = headed(frame(8.4, 1.5 + max(1.9, 1.25 * len(channels))), drawn)
    grid = figure.subplots(len(channels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, channel in zip(grid, channels, strict=True):
        line = None if given is None or given.shape != values.shape else given[:, channel]
        _channel(axes, values[:, channel], line, drawn.limit)
        write(axes.yaxis.label, _name(drawn, int(channel), values.shape[1]), 24)
    hidden = values.shape[1] - len(channels)
    write(grid[-1].xaxis.label, "step" + (f" ({hidden} channels with less left out)" if hidden else ""))
    grid[-1].xaxis.label.set(fontsize=9, color=INK)
    colour_bar(figure, list(grid), drawn, pad=0.02)
    return png(figure)


def _channel(axes: Axes, values: Array, line: Array | None, limit: float) -> None:
    shown = values if line is None else line
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    margin = 0.08 * (high - low) or 1.0
    extent = (-0.5, len(values) - 0.5, low - margin, high + margin)
    scale = zero_centred(limit)
    axes.imshow(values[None], cmap=COLOURS, norm=scale, aspect="auto", extent=extent, interpolation="nearest")
    axes.plot(
        np.arange(len(values)),
        shown,
        color=INK,
        linewidth=1.3,
        path_effects=[withStroke(linewidth=3, foreground="white")],
    )
    axes.tick_params(labelsize=8, colors=INK)
    axes.yaxis.label.set(fontsize=9, color=FAINT)


def _name(drawn: Subject, channel: int, channels: int) -> str:
    known = drawn.card.feature_names
    if known and len(known) == channels:
        return known[channel]
    what = "input" if drawn.given is not None else "attribution"
    return what if channels == 1 else f"channel {channel}"


def _time_first(array: Array, axes: str) -> Array:
    """Return an item as (T, C); one without letters is read as one channel."""
    if "T" not in axes:
        return array.reshape(-1, 1)
    array = np.moveaxis(array, axes.index("T"), 0)
    return array.reshape(len(array), -1)
