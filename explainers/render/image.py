"""Pictures of image inputs: the image, and its attributions as colours over it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from explainers.types import Array, InputCard

from .frame import COLOURS, INK, colour_bar, frame, headed, png, write, zero_centred
from .subject import Subject, channels_last


def draw_image(drawn: Subject) -> bytes:
    """Draw the image and its overlay side by side; channels are summed."""
    panels = ["overlay"] if drawn.given is None else ["input", "overlay"]
    figure = headed(frame(1.2 + 3.4 * len(panels), 4.2), drawn)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    if drawn.given is not None:
        panel(grid[0], shown(drawn), "input")
    panel(grid[-1], overlay(drawn), "attributions" + (f", {drawn.summed}" if drawn.summed else ""))
    colour_bar(figure, list(grid), drawn, shrink=0.85, pad=0.02)
    return png(figure)


def panel(axes: Axes, picture: Array, words: str = "") -> None:
    """Draw one picture without axes, its pixels as squares."""
    axes.imshow(picture, interpolation="nearest", vmin=0, vmax=1, cmap="gray")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color="#d0d7de", linewidth=0.8)
    write(axes.title, words)
    axes.title.set(fontsize=9, color=INK)


def overlay(drawn: Subject) -> Array:
    """Return the attributions as colours over the lightened image: the stronger, the less of the image is seen."""
    scaled = np.clip(np.nan_to_num(drawn.values / drawn.limit), -1, 1)
    colours = COLOURS(zero_centred(1)(scaled))[..., :3]
    strength = np.sqrt(np.abs(scaled))[..., None]
    ground = np.ones_like(colours) if drawn.given is None else 0.72 + 0.28 * _grey(shown(drawn))
    return np.asarray(colours * strength + ground * (1 - strength))


def shown(drawn: Subject) -> Array:
    """Return the image as (H, W) grey or (H, W, 3) colour in [0, 1], as it was before the model's normalisation."""
    assert drawn.given is not None
    image = channels_last(np.asarray(drawn.given, np.float64), drawn.axes)
    image = np.clip(np.nan_to_num(_unit_range(image, drawn.card)), 0, 1)
    return image if image.shape[-1] == 3 else np.asarray(image.mean(axis=-1))


def _unit_range(image: Array, card: InputCard) -> Array:
    if card.low is not None and card.high is not None:
        low, high = np.asarray(card.low, float), np.asarray(card.high, float)
        return np.asarray((image - low) / np.where(high > low, high - low, 1))
    raw = image * np.asarray(card.std or [1.0]) + np.asarray(card.mean or [0.0])
    return _guessed_range(raw)


def _guessed_range(raw: Array) -> Array:
    # a tolerance, because undoing a normalisation leaves the range by a rounding error
    low, high = float(raw.min()), float(raw.max())
    if low >= -0.01 and high <= 1.01:
        return raw
    if low >= -0.5 and high <= 255.5:
        return raw / 255
    return (raw - low) / (high - low or 1)


def _grey(image: Array) -> Array:
    return (image if image.ndim == 2 else image @ np.array([0.299, 0.587, 0.114]))[..., None]
