"""Permutation importance (Breiman, 2001)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from .. import datasets
from ..asking.blocks import asked_about
from ..asking.effort import BudgetParams
from ..asking.groups import GroupParams, find_groups
from ..asking.metrics import Metric, read_labels
from ..baselines import as_column
from ..registry import method
from ..types import Arrays

if TYPE_CHECKING:
    from ..run import Run


class PermutationImportanceParams(GroupParams, BudgetParams):
    """Parameters of `permutation_importance`."""

    labels: Annotated[list[Any] | dict[str, Any] | None, BeforeValidator(as_column)] = Field(
        None,
        description="What is true of each item: class numbers, or values, or {'dataset': id} of one array or column at the "
        "service; not needed by the metric 'score'.",
    )
    metric: Metric = Field(
        "accuracy",
        description="What is lost: 'accuracy' of the greatest class, 'mse' or 'r2' of the explained value, or the mean "
        "explained 'score' itself.",
    )
    repeats: int = Field(
        10,
        ge=1,
        le=10_000,
        description="Permutations of each group; with fewer than 10 the standard errors are on average too small.",
    )

    def check_items(self, items: int, data: datasets.Datasets) -> None:
        """Refuse labels that are not one number for each item."""
        read_labels(self.metric, datasets.values(self.labels, data, "labels"), items)


def _evaluations(params: PermutationImportanceParams, shapes: Mapping[str, Sequence[int]]) -> int:
    count = find_groups(params, asked_about(params, shapes)).count
    asked = params.repeats * count
    return min(asked, params.budget or asked) + 1


@method(
    family="sampling",
    paper="Breiman, 2001, doi:10.1023/A:1010933404324, section 10",
    per_item=False,
    evaluations=_evaluations,
)
def permutation_importance(run: Run, params: PermutationImportanceParams) -> Arrays:
    """How much worse a model does on a data set when a feature is shuffled among the items; the inputs are the data set."""
    from ..asking.permutation import importance

    return importance(run, params)
