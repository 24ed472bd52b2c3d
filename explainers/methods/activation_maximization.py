"""Activation maximisation (Erhan et al., 2009; Simonyan et al., 2013; Nguyen et al., 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from .. import datasets
from ..asking.effort import BudgetParams
from ..baselines import as_column, as_lists
from ..errors import InvalidRequest
from ..registry import method
from ..types import Arrays

if TYPE_CHECKING:
    from ..run import Run

FITTED = ("gaussian", "mixture", "rbm")
Bound = float | list[float] | dict[str, float | list[float]] | None


class ActivationMaximizationParams(BudgetParams):
    """Parameters of `activation_maximization`."""

    steps: int = Field(256, ge=1, le=100_000, description="Steps of the ascent.")
    rate: float | None = Field(
        None,
        gt=0,
        description="Length of the first steps, in shares of the input's range where it is known; default 0.2. It falls to 0.",
    )
    optimizer: Literal["adam", "ascent"] = Field("adam", description="Adam, or the plain gradient's steps.")
    objective: Literal["auto", "log_softmax", "log_sigmoid", "value"] = Field(
        "auto",
        description="What is climbed; by default log softmax of an output (N, C > 1), log sigmoid before a final Sigmoid.",
    )
    l2: float | None = Field(
        None,
        ge=0,
        description="Weight of ‖x‖², with a generator of ‖z‖²; default 0.01, and 0 where bounds or an expert hold x.",
    )
    total_variation: float = Field(0.0, ge=0, description="Weight of the total variation.")
    power: float = Field(2.0, ge=1, description="Exponent of the total variation.")
    blur: float = Field(0.0, ge=0, description="Standard deviation of the blur, in pixels; 0: none.")
    jitter: int = Field(0, ge=0, description="Pixels by which each step may roll the prototypes.")
    norm_percentile: float = Field(
        0.0, ge=0, lt=100, description="Percent of the places, those with the least norm, that are cleared."
    )
    contribution_percentile: float = Field(
        0.0, ge=0, lt=100, description="Percent of the places, those that contribute least, that are cleared."
    )
    every: int = Field(8, ge=1, description="Steps from one blur or clearing to the next.")
    parametrisation: Literal["pixels", "fourier"] = Field(
        "pixels", description="What is moved: the values themselves, or their Fourier coefficients."
    )
    low: Bound = Field(None, description="Least value of the input; default: the card's.")
    high: Bound = Field(None, description="Greatest value of the input; default: the card's.")
    expert: str | None = Field(
        None,
        description="What adds log p(x): 'gaussian', 'mixture' or 'rbm', fitted to the data; or an ONNX density: a path, "
        "in the service a model's id or name.",
    )
    expert_weight: float = Field(1.0, gt=0, description="Weight of log p(x).")
    components: int = Field(10, ge=1, le=1000, description="Gaussians in a mixture.")
    hidden: int = Field(64, ge=1, le=4096, description="Hidden units of the rbm.")
    floor: float = Field(
        0.2,
        gt=0,
        description="Least deviation of a fitted expert in any direction, in shares of the data's mean one.",
    )
    generator: str | None = Field(
        None,
        description="A decoder from codes to the model's input, so that codes are searched: a path; in the service an id.",
    )
    start: Annotated[
        Literal["noise", "zeros", "mean", "class_mean"] | list[Any] | dict[str, Any],
        BeforeValidator(as_lists),
    ] = Field(
        "noise",
        description="Where the search begins: noise, zeros, the mean of the data or of each class of it, or an array.",
    )
    noise: float = Field(
        0.1,
        ge=0,
        description="Deviation of the noise, in shares of the input's range where its bounds are known.",
    )
    data: Annotated[list[Any] | dict[str, Any] | None, BeforeValidator(as_lists)] = Field(
        None,
        description="What means are taken of and experts are fitted to: rows, {'dataset': id}, or a dict of rows per input; "
        "default: the job's inputs.",
    )
    labels: Annotated[list[int] | None, BeforeValidator(as_column)] = Field(
        None, description="Classes of the data, for class_mean; default: what the model takes them for."
    )
    count: int = Field(1, ge=1, le=256, description="Prototypes of each target.")
    diversity: float = Field(
        1.0,
        ge=0,
        description="Weight of the mean cosine between prototypes of one target, where there are several.",
    )
    frames: int = Field(12, ge=1, le=256, description="Frames of the film.")

    def models(self) -> dict[str, str]:
        """Return the decoder and the density, where these are models."""
        named = {"generator": self.generator, "expert": None if self.expert in FITTED else self.expert}
        return {parameter: name for parameter, name in named.items() if name is not None}

    def check_items(self, items: int, data: datasets.Datasets) -> None:
        """Refuse classes that are not one for each item of the data."""
        held = datasets.given(self.data, data, "data")
        rows = next(iter(held.values()), ()) if isinstance(held, Mapping) else held
        count = items if rows is None else len(rows)
        if self.start == "class_mean" and self.labels is not None and len(self.labels) != count:
            raise InvalidRequest(f"{len(self.labels)} labels for {count} items", pointer="/params/labels")


def _evaluations(params: ActivationMaximizationParams, shapes: Mapping[str, Sequence[int]]) -> int:
    return min(params.steps, params.budget or params.steps) * params.count


@method(
    family="prototype",
    paper="Simonyan et al., 2013, arXiv:1312.6034, equation 1; Nguyen et al., 2016, arXiv:1605.09304; Montavon et al., 2018, "
    "doi:10.1016/j.dsp.2017.10.011, section 3",
    needs="grad",
    per_item=False,
    evaluations=_evaluations,
    searches=True,
)
def activation_maximization(run: Run, params: ActivationMaximizationParams) -> Arrays:
    """The inputs that a class, a neuron, a channel or a real output answers most to: prototypes, found by gradient ascent."""
    from ..optimising.search import search

    return search(run, params)
