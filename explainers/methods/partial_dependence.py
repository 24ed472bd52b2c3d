"""Partial dependence (Friedman, 2001) with individual conditional expectation (Goldstein et al., 2015)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from ..asking.effort import BudgetParams
from ..baselines import as_lists
from ..registry import method
from ..types import Arrays

if TYPE_CHECKING:
    from ..run import Run

Features = list[int | str] | dict[str, list[int | str]]


class PartialDependenceParams(BudgetParams):
    """Parameters of `partial_dependence`."""

    features: Features | None = Field(
        None,
        description="Features to move, by place in the item or by the card's name, or a dict of such lists per input; "
        "default: all.",
    )
    grid: Annotated[int | list[float] | dict[str, Any], BeforeValidator(as_lists)] = Field(
        20,
        description="Number of points from the 5th to the 95th percentile of each feature, its own values where it has fewer; "
        "or the points themselves; or a dict of these per input.",
    )


def _evaluations(params: PartialDependenceParams, shapes: Mapping[str, Sequence[int]]) -> int:
    from ..asking.columns import planned

    asked = planned(params.features, params.grid, params.explain_inputs, shapes)
    return min(asked, params.budget or asked) + 1


@method(
    family="sampling",
    paper="Friedman, 2001, doi:10.1214/aos/1013203451, section 8.2; Goldstein et al., 2015, arXiv:1309.6392",
    per_item=False,
    evaluations=_evaluations,
)
def partial_dependence(run: Run, params: PartialDependenceParams) -> Arrays:
    """How the score follows one feature, item by item and on average over a data set; the inputs are the data set."""
    from ..asking.columns import chosen_columns, curves, grids

    columns = chosen_columns(run, params.features)
    return curves(run, params, columns, grids(run, columns, params.grid))
