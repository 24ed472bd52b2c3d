"""Explanations as PNG pictures: images with an overlay, feature bars, series, and maps of anything else."""

from __future__ import annotations

from explainers.types import Arrays, Card, Explanation

from .bars import draw_bars
from .heatmap import draw_heatmap
from .image import draw_image
from .series import draw_series
from .sheet import contact_sheet
from .subject import subject

__all__ = ["contact_sheet", "picture"]

_DRAW = {"image": draw_image, "series": draw_series, "bars": draw_bars, "heatmap": draw_heatmap}


def picture(
    explanation: Explanation,
    inputs: Arrays,
    item: int,
    card: Card,
    input: str | None = None,
    *,
    clip: float = 99.5,
) -> bytes:
    """Draw one item's attributions as a PNG in the form that suits the input; `input` names one of several.

    Colours reach from minus to plus the `clip` percentile of the magnitudes, so that one spike hides nothing.
    """
    drawn = subject(explanation, inputs, item, card, input, clip=clip)
    return _DRAW[drawn.form](drawn)
