"""Which axis of an input means what, from its card or, where that is silent, from its shape."""

from __future__ import annotations

from collections.abc import Sequence

from .types import InputCard

_UNKNOWN = 1 << 30  # an axis of unknown length is long


def axes_of(card: InputCard, shape: Sequence[int | str | None]) -> str:
    """Return a letter per axis of one item, from the card's layout or, for images and series, from the shape."""
    given = (card.layout or "").upper().replace("N", "", 1)
    lengths = [d if isinstance(d, int) else _UNKNOWN for d in shape]
    if given and len(given) == len(lengths):
        return given
    if card.kind in ("image", "any") and len(lengths) == 3:
        return _image(lengths)
    if card.kind == "image" and len(lengths) == 2:
        return "HW"
    if card.kind == "series" and len(lengths) in (1, 2):
        return "T" if len(lengths) == 1 else ("TC" if lengths[0] >= lengths[1] else "CT")
    return ""


def _image(lengths: list[int]) -> str:
    if lengths[0] in (1, 3) and min(lengths[1:]) > 3:
        return "CHW"
    return "HWC" if lengths[2] in (1, 3) and min(lengths[:2]) > 3 else ""


def is_image(axes: str) -> bool:
    """Say whether these are the axes of an image: height and width, with channels or without."""
    return {"H", "W"} <= set(axes) <= {"C", "H", "W"}
