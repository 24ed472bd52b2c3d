"""Meaningful perturbation (Fong & Vedaldi, 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from ..baselines import BaselineParams, Given
from ..registry import BackwardParams, method
from ..types import Arrays

if TYPE_CHECKING:
    from ..run import Run


class MeaningfulPerturbationParams(BackwardParams):
    """Parameters of `meaningful_perturbation`."""

    steps: int = Field(300, ge=1, le=10_000, description="Steps of descent (Adam).")
    rate: float = Field(0.1, gt=0, le=1, description="Length of a step, as a share of the mask's range.")
    area: float = Field(
        0.5,
        ge=0,
        description="What covering the whole input costs, in units of the score's fall to the fill's.",
    )
    tv: float = Field(
        0.2, ge=0, description="What edges of the mask cost: the weight of its total variation."
    )
    power: float = Field(3.0, ge=1, description="Exponent of the total variation.")
    cells: int = Field(
        28,
        ge=1,
        le=512,
        description="Most cells of the mask along each axis; it is interpolated between them.",
    )
    fill: Given = Field(
        "blur",
        description="What is shown where the mask covers: 'zeros', 'mean' of the item per channel, 'blur' of the item, a number, "
        "an array that broadcasts to an item, or a dict of these per input. Tokens: it is about their embeddings.",
    )
    blur: float | None = Field(
        None,
        gt=0,
        description="Standard deviation of the blur along each axis; default: a tenth of its length.",
    )


def _evaluations(params: MeaningfulPerturbationParams, shapes: Mapping[str, Sequence[int]]) -> int:
    return params.steps + 4


@method(
    family="backward",
    paper="Fong & Vedaldi, 2017, arXiv:1704.03296, equations 2 and 3",
    evaluations=_evaluations,
)
def meaningful_perturbation(run: Run, params: MeaningfulPerturbationParams) -> Arrays:
    """How much of each place a small and smooth mask must cover to bring the score down, found by descent."""
    from ..driving.descent import Descent, descend
    from ..driving.path import Path

    rows = run.rows("points/slopes", BackwardParams(explain_inputs=params.explain_inputs, at=params.at))
    fill = BaselineParams(baseline=params.fill, blur=params.blur)
    path = Path.from_baseline(rows, fill, "fill")
    return descend(
        path, Descent(params.steps, params.rate, params.area, params.tv, params.power, params.cells)
    )
