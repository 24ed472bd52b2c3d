"""LIME (Ribeiro et al., 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ..asking.effort import EffortParams
from ..asking.fills import FillParams
from ..asking.groups import Way
from ..asking.surrogate import Distance, Selection
from ..baselines import as_lists
from ..registry import method
from ..types import Arrays

if TYPE_CHECKING:
    from ..run import Run


class LimeParams(FillParams, EffortParams):
    """Parameters of `lime`."""

    samples: int = Field(
        1000, ge=2, le=100_000, description="Perturbed copies of each item, itself among them."
    )
    segments: Annotated[Way | list[Any] | dict[str, Any], BeforeValidator(as_lists)] = Field(
        "auto",
        description="Which values are covered together: an array of segment numbers that broadcasts to an item, 'features' "
        "(each value or token), 'channels', 'grid' or 'windows' (patches, channels together), 'slic' (segments of a picture or "
        "volume), 'words' (of a text), or a dict of these per input; 'auto': words of texts, each value of tables and tokens, "
        "patches of everything else.",
    )
    count: int = Field(
        64, ge=1, le=4096, description="At most this many patches, windows, segments or words per input."
    )
    discretize: Literal["none", "quartiles"] = Field(
        "none",
        description="'quartiles': tables; neighbours are drawn from the quarters of `background`, and a feature counts as there "
        "where it lies in the item's quarter. A category is there where it is the item's.",
    )
    distance: Distance | None = Field(
        None, description="Of a copy to the item; default: cosine, euclidean between quarters."
    )
    kernel_width: float | None = Field(
        None,
        gt=0,
        description="Width of the exponential kernel; default: 0.25 for cosine, three quarters of the root of the number of "
        "segments for euclidean.",
    )
    features: int | None = Field(None, ge=1, description="Most segments with a weight; default: all.")
    selection: Selection = Field(
        "auto",
        description="How they are chosen; 'auto': forward up to six, else by the highest weights; 'none': all are kept.",
    )
    alpha: float = Field(1.0, ge=0, description="Weight of the ridge penalty; 0: least squares.")


def _evaluations(params: LimeParams, shapes: Mapping[str, Sequence[int]]) -> int:
    from ..asking.neighbourhood import planned

    return planned(params, shapes) + 1


@method(
    family="sampling", paper="Ribeiro et al., 2016, arXiv:1602.04938, section 3.4", evaluations=_evaluations
)
def lime(run: Run, params: LimeParams) -> Arrays:
    """What each segment adds to the score near the item: a weighted sparse linear model of randomly covered copies."""
    from ..asking.neighbourhood import explain

    return explain(run, params)
