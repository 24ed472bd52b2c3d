"""Matrices of attention: where each place looks, head by head."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from explainers.types import Array

from ..frame import AMOUNTS, INK, frame, headed, named, open_frame, plain, scale_bar
from ..painter import painter
from ..scene import Scene
from ..subject import which
from ..wording import texts_of

HEADS = 12


@painter(array="attention.", level="item")
def attention(scene: Scene) -> Figure:
    """Where each place of a layer looks: a matrix per head, a row per looking place, the tokens at its sides."""
    name = scene.chosen("attention.")
    found = scene.one(f"attention.{name}")
    assert found is not None
    return draw(scene, found.reshape(-1, *found.shape[-2:]), f"{scene.title} · {name}")


def draw(scene: Scene, maps: Array, title: str, unit: str = "attention") -> Figure:
    """Draw a matrix, or one for each head, on one scale."""
    shown = maps[:HEADS]
    across = min(len(shown), 4 if len(shown) > 4 else 2)
    down = -(-len(shown) // across)
    side = 4.6 if len(shown) == 1 else 2.9 if across == 2 else 1.85
    figure = headed(frame(1.1 + side * across + 0.5, 1.1 + side * down), title, _note(scene, maps))
    panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    top = float(np.nanmax(shown)) or 1.0
    tokens = [texts_of(scene, shown.shape[1]), texts_of(scene, shown.shape[2])]
    for i, axes in enumerate(panels.reshape(-1)):
        if i >= len(shown):
            axes.set_visible(False)
            continue
        axes.imshow(shown[i], cmap=AMOUNTS, vmin=0, vmax=top, aspect="auto", interpolation="nearest")
        named(axes.title, f"head {i}" if len(shown) > 1 else "")
        _ticks(axes, tokens, side)
    for axes in panels[:, 0]:
        named(axes.yaxis.label, "looks (query)")
    for axes in panels[-1]:
        named(axes.xaxis.label, "at (key)")
    scale_bar(figure, ScalarMappable(Normalize(0, top), AMOUNTS), unit, ax=list(panels.reshape(-1)), pad=0.02)
    return figure


def _ticks(axes: Axes, tokens: list[list[str] | None], side: float) -> None:
    """Name every place, or every so many where they would cover each other."""
    open_frame(axes, "top", "right", "bottom", "left")
    for axis, texts in zip((axes.yaxis, axes.xaxis), tokens, strict=True):
        if texts is None:
            axis.set_major_locator(MaxNLocator(5, integer=True))
            continue
        step = -(-len(texts) // max(1, int(side * 7)))
        at = list(range(0, len(texts), step))
        axis.set_ticks(at, [plain(texts[i], 12) for i in at], parse_math=False, fontsize=7, color=INK)
    if tokens[1] is not None:
        axes.tick_params(axis="x", labelrotation=90)


def _note(scene: Scene, maps: Array) -> str:
    hidden = len(maps) - HEADS
    return which(scene) + (f" · {hidden} heads not drawn" if hidden > 0 else "")
