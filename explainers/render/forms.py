"""How an input looks: the form in which its values are drawn."""

from __future__ import annotations

from math import prod
from typing import Literal

from explainers.layout import is_image
from explainers.types import InputCard

Form = Literal["image", "volume", "series", "words", "features", "matrix"]
MOST_FEATURES = 64
"""Values without axes above which a curve says more than bars."""


def form_of(card: InputCard, axes: str, shape: tuple[int, ...]) -> Form:
    """Choose how an input is drawn: by its kind, its axes, then by its length."""
    if is_image(axes):
        return "image"
    if {"H", "W"} <= set(axes) and set(axes) & {"D", "T"}:
        return "volume"
    long = [n for n in shape if n != 1]
    if len(long) <= 1 and card.kind in ("text", "tokens"):
        return "words"
    if "T" in axes and set(axes) <= {"T", "C"} and card.kind != "tabular":
        return "series"
    if len(long) <= 1:
        return "features" if card.kind == "tabular" or prod(shape) <= MOST_FEATURES else "series"
    return "features" if card.kind == "tabular" and prod(shape) <= MOST_FEATURES else "matrix"
