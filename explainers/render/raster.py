"""Pixels: an input as it looked before the model's normalisation, and values as colours over it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from explainers.pixels import in_order, unit_range
from explainers.types import Array, InputCard

from .frame import AMOUNTS, COLOURS, bare, named, zero_centred
from .subject import Subject, channels_last


def panel(axes: Axes, picture: Array, words: str = "") -> None:
    """Draw one picture in [0, 1] without axes, its pixels as squares."""
    axes.imshow(picture, interpolation="nearest", vmin=0, vmax=1, cmap="gray")
    bare(axes)
    if words:
        named(axes.title, words)


def overlay(drawn: Subject) -> Array:
    """Return an image's attributions as colours over the lightened image."""
    ground = None if drawn.given is None else shown(drawn)
    return tinted(drawn.values, drawn.limit, ground)


def tinted(values: Array, limit: float, ground: Array | None) -> Array:
    """Return values (H, W) as colours over a ground in [0, 1]: the stronger, the less of the ground is seen."""
    colours = coloured(values, limit)
    strength = np.sqrt(np.abs(_scaled(values, limit)))[..., None]
    below = np.ones_like(colours) if ground is None else 0.72 + 0.28 * _grey(ground)
    return np.asarray(colours * strength + below * (1 - strength))


def coloured(values: Array, limit: float) -> Array:
    """Return values (H, W) in the colours of the scale itself."""
    return np.asarray(COLOURS(zero_centred(1)(_scaled(values, limit)))[..., :3])


def _scaled(values: Array, limit: float) -> Array:
    return np.asarray(np.clip(np.nan_to_num(values / limit), -1, 1))


def shown(drawn: Subject) -> Array:
    """Return the image as (H, W) grey or (H, W, 3) colour in [0, 1], as it was before the model's normalisation."""
    assert drawn.given is not None
    return natural(drawn.given, drawn.axes, drawn.card)


def natural(image: Array, axes: str, card: InputCard) -> Array:
    """Return an image with these axes as (H, W) grey or (H, W, 3) colour in [0, 1]."""
    image = channels_last(np.asarray(image, np.float64), axes)
    image = in_order(np.clip(np.nan_to_num(unit_range(image, card)), 0, 1), card)
    return image if image.shape[-1] == 3 else np.asarray(image.mean(axis=-1))


def _grey(image: Array) -> Array:
    return (image if image.ndim == 2 else image @ np.array([0.299, 0.587, 0.114]))[..., None]


def amounts(axes: Axes, values: Array, low: float, high: float, words: str = "") -> None:
    """Draw a map (H, W) of unsigned values from dark to light."""
    axes.imshow(values, interpolation="nearest", vmin=low, vmax=high, cmap=AMOUNTS, aspect="auto")
    bare(axes)
    if words:
        named(axes.title, words)


def signed(axes: Axes, values: Array, limit: float, words: str = "") -> None:
    """Draw a map (H, W) of signed values, white at zero."""
    scale = zero_centred(limit)
    axes.imshow(values, interpolation="nearest", norm=scale, cmap=COLOURS, aspect="auto")
    bare(axes)
    if words:
        named(axes.title, words)
