"""Sheets of filters: the weights of a layer."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from explainers.pixels import in_order
from explainers.types import Array

from ..frame import COLOURS, zero_centred
from ..painter import painter
from ..raster import panel, signed
from ..scene import Scene
from ..subject import limits
from ..tiles import Tiles, grid

MOST, ROWS, CHANNELS = 64, 14, 12


@painter(array="filter.", level="all")
def filters(scene: Scene) -> Figure:
    """The weights of a layer: a tile per filter, in colour where it takes three channels, else one per channel."""
    name = scene.chosen("filter.")
    weights = scene.whole(f"filter.{name}")
    assert weights is not None
    title = f"{scene.title} · {name}"
    weights = _four(weights)
    if weights.shape[1] == 3:
        return _coloured(_red_first(weights, scene), title)
    return _flat(weights[:, 0], title) if weights.shape[1] == 1 else _crossed(weights, title)


def _four(weights: Array) -> Array:
    """Return weights as (out, in, height, width); what has one axis of space lies down, a matrix is one filter."""
    if weights.ndim < 3:
        return weights.reshape(1, 1, -1, weights.shape[-1])
    if weights.ndim == 3:
        return weights[:, :, None, :]
    return weights.reshape(*weights.shape[:2], -1, weights.shape[-1])


def _red_first(weights: Array, scene: Scene) -> Array:
    """Turn filters over three channels into red, green and blue: the layer that has three is the one that sees the picture."""
    cards = [c for c in scene.card.inputs.values() if c.channels == "BGR"]
    return np.moveaxis(in_order(np.moveaxis(weights, 1, -1), cards[0]), -1, 1) if cards else weights


def _coloured(weights: Array, title: str) -> Figure:
    """Draw filters over red, green and blue: grey is zero, and all share one scale."""
    limit = limits(weights, 99.5)[0]
    sheet, columns = _sheet(weights, scale=False)
    for i, w in enumerate(weights[:MOST]):
        panel(
            sheet.at(*divmod(i, columns), caption=str(i)),
            np.clip(0.5 + w.transpose(1, 2, 0) / (2 * limit), 0, 1),
        )
    sheet.headed(title, f"{_counted(weights)} · the colours are the weights of the three channels, grey: 0")
    return sheet.figure


def _flat(weights: Array, title: str) -> Figure:
    limit, clipped = limits(weights, 99.5)
    sheet, columns = _sheet(weights, scale=True)
    for i, w in enumerate(weights[:MOST]):
        signed(sheet.at(*divmod(i, columns), caption=str(i) if len(weights) > 1 else ""), w, limit)
    _scale(sheet, limit, clipped=clipped)
    sheet.headed(title, _counted(weights))
    return sheet.figure


def _sheet(weights: Array, *, scale: bool) -> tuple[Tiles, int]:
    aspect = weights.shape[-1] / weights.shape[-2] if len(weights) > 1 or weights.ndim > 3 else 3.0
    rows, columns, side = grid(min(len(weights), MOST), max(0.5, min(aspect, 3.0)), least=0.62, most=1.1)
    side = (6.9, 2.6) if len(weights) == 1 and not 0.5 < aspect < 2 else side
    return Tiles(rows, columns, side, scale=scale), columns


def _crossed(weights: Array, title: str) -> Figure:
    """Draw filters over many channels: a row per filter, a column per channel."""
    limit, clipped = limits(weights, 99.5)
    rows, columns = min(len(weights), ROWS), min(weights.shape[1], CHANNELS)
    _, _, side = grid(CHANNELS, weights.shape[-1] / weights.shape[-2], least=0.4, most=0.5)
    sheet = Tiles(rows, columns, side, captions="none", left=0.75, scale=True)
    for row in range(rows):
        sheet.row(row, f"filter {row}")
        for column in range(columns):
            signed(sheet.at(row, column), weights[row, column], limit)
    _scale(sheet, limit, clipped=clipped)
    hidden = weights.shape[1] - columns
    note = f"{_counted(weights, ROWS)} · columns: channels" + (f", {hidden} not drawn" if hidden else "")
    sheet.headed(title, note)
    return sheet.figure


def _scale(sheet: Tiles, limit: float, *, clipped: bool) -> None:
    ends = "both" if clipped else "neither"
    sheet.scale(ScalarMappable(zero_centred(limit), COLOURS), "weight", extend=ends)


def _counted(weights: Array, most: int = MOST) -> str:
    if len(weights) == 1:
        return "one matrix of weights"
    return f"{len(weights)} filters" + (f", {most} of them drawn" if len(weights) > most else "")
