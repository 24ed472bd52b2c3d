"""Small pictures of things shaped like an input: prototypes, patches, frames of a film."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from explainers.layout import axes_of
from explainers.types import Array, InputCard

from .forms import Form, form_of
from .frame import DISTINCT, LINE, bare, open_frame
from .raster import natural, panel

MISSING = 0.85
"""How light a pixel is that lies outside of the item."""


def form(card: InputCard, shape: tuple[int, ...]) -> Form:
    """Return how things of this shape look."""
    return form_of(card, axes_of(card, shape), shape)


def aspect(card: InputCard, shape: tuple[int, ...]) -> float:
    """Return a small picture's width over its height."""
    axes = axes_of(card, shape)
    if form(card, shape) not in ("image", "volume"):
        return 1.5
    return shape[axes.index("W")] / shape[axes.index("H")]


def ticks(card: InputCard, shape: tuple[int, ...]) -> float:
    """Return how much room the numbers at a small picture's axes need, in inches."""
    return 0.0 if form(card, shape) in ("image", "volume", "matrix") else 0.3


def small(axes: Axes, thing: Array, card: InputCard) -> None:
    """Draw one thing as small as it may be: an image, the middle of a volume, lines, bars or a matrix."""
    letters = axes_of(card, thing.shape)
    kind = form_of(card, letters, thing.shape)
    if kind == "volume":
        thing, letters = _middle(thing, letters)
        kind = "image"
    if kind == "image":
        picture = natural(thing, letters, card)
        missing = np.isnan(thing).all(axis=letters.index("C")) if "C" in letters else np.isnan(thing)
        picture[missing] = MISSING
        panel(axes, picture)
    elif kind == "matrix":
        axes.imshow(thing.reshape(-1, thing.shape[-1]), aspect="auto", cmap="gray", interpolation="nearest")
        bare(axes)
    else:
        _values(axes, thing, letters, lines=kind == "series")


def _middle(thing: Array, letters: str) -> tuple[Array, str]:
    for letter in "DT":
        if letter in letters:
            at = letters.index(letter)
            thing, letters = np.take(thing, thing.shape[at] // 2, at), letters.replace(letter, "")
    return thing, letters


def _values(axes: Axes, thing: Array, letters: str, *, lines: bool) -> None:
    rows = np.moveaxis(thing, letters.index("T"), 0) if "T" in letters else thing.reshape(-1)
    rows = rows.reshape(len(rows), -1)
    if lines:
        for i, row in enumerate(rows.T[: len(DISTINCT)]):
            axes.plot(row, color=DISTINCT[i], linewidth=0.9)
    else:
        axes.bar(np.arange(len(rows)), rows[:, 0], color=DISTINCT[0])
    axes.axhline(0, color=LINE, linewidth=0.6, zorder=0)
    open_frame(axes)
    axes.tick_params(labelsize=6, length=2, pad=1)
    axes.locator_params(nbins=3)
