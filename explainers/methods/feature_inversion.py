"""Feature inversion (Mahendran & Vedaldi, 2014)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ..registry import Params, method
from ..types import Arrays

if TYPE_CHECKING:
    from ..run import Run


class FeatureInversionParams(Params):
    """Parameters of `feature_inversion`."""

    layer: str = Field(description="Tensor whose values the reconstructions share with the items.")
    count: int = Field(1, ge=1, le=256, description="Reconstructions of each item, from different noise.")
    steps: int = Field(400, ge=1, le=100_000, description="Steps of descent (Adam).")
    rate: float = Field(
        0.05,
        gt=0,
        description="Length of the first steps, in shares of the input's range where its bounds are known. It falls to 0.",
    )
    total_variation: float = Field(
        1e-3,
        ge=0,
        description="Weight of the total variation, per value and in units of the range, against the relative squared error.",
    )
    power: float = Field(2.0, ge=1, description="Exponent of the total variation.")
    l2: float = Field(0.0, ge=0, description="Weight of ‖x‖², taken in the same way.")
    parametrisation: Literal["pixels", "fourier"] = Field(
        "pixels", description="What is moved: the values themselves, or their Fourier coefficients."
    )
    low: float | list[float] | dict[str, float | list[float]] | None = Field(
        None, description="Least value of the input; default: the card's."
    )
    high: float | list[float] | dict[str, float | list[float]] | None = Field(
        None, description="Greatest value of the input; default: the card's."
    )
    noise: float = Field(
        0.1,
        ge=0,
        description="Deviation of the noise at the start, in shares of the input's range where its bounds are known.",
    )
    frames: int = Field(12, ge=1, le=256, description="Frames of the film.")


def _evaluations(params: FeatureInversionParams, shapes: Mapping[str, Sequence[int]]) -> int:
    return params.steps * params.count + 1


@method(
    family="prototype",
    paper="Mahendran & Vedaldi, 2014, arXiv:1412.0035, equations 1 to 5",
    needs="grad",
    per_item=False,
    evaluations=_evaluations,
)
def feature_inversion(run: Run, params: FeatureInversionParams) -> Arrays:
    """Inputs that a layer cannot tell from the items: what it has kept of them, and what it has lost."""
    from ..optimising.inversion import invert

    return invert(run, params)
