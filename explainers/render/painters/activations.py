"""Sheets of activations: what the channels of a layer hold for one item."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from explainers.types import Array

from ..frame import AMOUNTS, COLOURS, frame, headed, named, open_frame, zero_centred
from ..painter import painter
from ..raster import amounts, signed
from ..scene import Scene
from ..subject import limits, which
from ..tiles import Tiles, grid

MOST = 48


@painter(array="activation.", level="item")
def activations(scene: Scene) -> Figure:
    """What the channels of a layer hold for one item: a map each, or a bar each where they have no space."""
    name = scene.chosen("activation.")
    held = scene.one(f"activation.{name}")
    assert held is not None
    title = f"{scene.title} · {name}"
    units = (scene.explanation.account.facts.get("unit_axis") or {}).get(name)
    if isinstance(units, int) and 0 < units <= held.ndim:
        held = np.moveaxis(held, units - 1, 0)
    if held.ndim <= 1:
        return _bars(scene, held.reshape(-1), title)
    return _maps(scene, held[None] if held.ndim == 2 else held.reshape(-1, *held.shape[-2:]), title)


def _maps(scene: Scene, maps: Array, title: str) -> Figure:
    aspect = max(0.4, min(maps.shape[2] / maps.shape[1], 2.5))
    rows, columns, side = grid(min(len(maps), MOST), aspect, least=0.8, most=1.3)
    side = (6.9, 2.8) if len(maps) == 1 else side
    sheet = Tiles(rows, columns, side, scale=True)
    both, top = maps.min() < 0, float(np.percentile(maps, 99.5)) or float(maps.max()) or 1.0
    limit = limits(maps, 99.5)[0]
    for i, values in enumerate(maps[:MOST]):
        axes = sheet.at(*divmod(i, columns), caption=str(i) if len(maps) > 1 else "")
        signed(axes, values, limit) if both else amounts(axes, values, 0.0, top)
    scale = (
        ScalarMappable(zero_centred(limit), COLOURS) if both else ScalarMappable(Normalize(0, top), AMOUNTS)
    )
    sheet.scale(
        scale, "activation", extend="neither" if np.abs(maps).max() <= (limit if both else top) else "max"
    )
    hidden = len(maps) - MOST
    sheet.headed(
        title, which(scene) + (f" · {hidden} of {len(maps)} channels not drawn" if hidden > 0 else "")
    )
    return sheet.figure


def _bars(scene: Scene, held: Array, title: str) -> Figure:
    figure = headed(frame(7.4, 3.2), title, which(scene))
    axes = figure.subplots()
    axes.bar(np.arange(len(held)), held, color=COLOURS(np.where(held < 0, 0.14, 0.86)), width=0.85)
    axes.axhline(0, color="#1f2328", linewidth=0.8)
    open_frame(axes)
    named(axes.xaxis.label, "unit")
    named(axes.yaxis.label, "activation")
    return figure
