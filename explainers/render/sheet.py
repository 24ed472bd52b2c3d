"""A contact sheet: many items, each with its input and one overlay per explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

from matplotlib.figure import SubFigure

from ..errors import InvalidRequest
from ..types import Arrays, Card, Explanation
from .frame import COLOURS, INK, colour_bar, frame, plain, png, write
from .image import overlay, panel, shown
from .subject import Subject, label_of, subject


def contact_sheet(
    explanations: Mapping[str, Explanation],
    inputs: Arrays,
    items: Sequence[int],
    card: Card,
    input: str | None = None,
    *,
    title: str = "",
    across: int = 4,
    clip: float = 99.5,
) -> bytes:
    """Draw image items side by side as a PNG; the items of one explanation share its scale of colours."""
    drawn = {name: _aligned([subject(e, inputs, i, card, input, clip) for i in items])
             for name, e in explanations.items()}  # fmt: skip
    ...
    return b""
