"""Pictures of series: a line for every channel over a background in the colours of its attributions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from explainers.types import Array

from ..frame import COLOURS, FAINT, INK, colour_bar, frame, headed, named, open_frame, write, zero_centred
from ..painter import painter
from ..scene import Scene
from ..subject import Subject, subject

MOST = 6


@painter(array="attribution.", level="item", forms=("series",))
def series(scene: Scene) -> Figure:
    """The channels of a series, each over its attributions as colours; time by the card's sampling rate."""
    return draw(subject(scene))


def draw(drawn: Subject) -> Figure:
    """Draw the channels of greatest attribution, one above the other."""
    values = time_first(drawn.values, drawn.axes)
    given = None if drawn.given is None else time_first(drawn.given, drawn.axes)
    order = np.argsort(-np.abs(np.nan_to_num(values)).sum(axis=0), kind="stable")[:MOST]
    channels = np.sort(order)
    height = 1.2 + max(1.9, 1.15 * len(channels))
    figure = headed(frame(7.8, height), drawn.title, drawn.subtitle)
    grid = figure.subplots(len(channels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, channel in zip(grid, channels, strict=True):
        line = None if given is None or given.shape != values.shape else given[:, channel]
        _channel(axes, values[:, channel], line, drawn)
        write(axes.yaxis.label, _name(drawn, int(channel), values.shape[1]), 24)
    hidden = values.shape[1] - len(channels)
    named(grid[-1].xaxis.label, clock(drawn) + (f" ({hidden} channels with less left out)" if hidden else ""))
    colour_bar(figure, list(grid), drawn.limit, drawn.unit, clipped=drawn.clipped, pad=0.02)
    return figure


def clock(drawn: Subject) -> str:
    """Return the name of the time axis."""
    rate = drawn.card.rate
    return "step" if rate is None else f"time in s, {rate:g} samples per second"


def _channel(axes: Axes, values: Array, line: Array | None, drawn: Subject) -> None:
    shown = values if line is None else line
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    margin = 0.08 * (high - low) or 1.0
    each = 1 / (drawn.card.rate or 1.0)
    extent = (-0.5 * each, (len(values) - 0.5) * each, low - margin, high + margin)
    scale = zero_centred(drawn.limit)
    axes.imshow(values[None], cmap=COLOURS, norm=scale, aspect="auto", extent=extent, interpolation="nearest")
    halo = [withStroke(linewidth=3, foreground="white")]
    axes.plot(np.arange(len(values)) * each, shown, color=INK, linewidth=1.3, path_effects=halo)
    open_frame(axes)
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.label.set(fontsize=9, color=FAINT)


def _name(drawn: Subject, channel: int, channels: int) -> str:
    known = drawn.card.feature_names
    if known and len(known) == channels:
        return known[channel]
    what = "input" if drawn.given is not None else drawn.what
    return what if channels == 1 else f"channel {channel}"


def time_first(array: Array, axes: str) -> Array:
    """Return an item as (T, C); one without letters is read as one channel."""
    if "T" not in axes:
        return array.reshape(-1, 1)
    array = np.moveaxis(array, axes.index("T"), 0)
    return array.reshape(len(array), -1)
