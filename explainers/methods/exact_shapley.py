"""Shapley values from all coalitions (Shapley, 1953; Lundberg & Lee, 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from ..asking.coalitions import CoalitionParams, Game, shared_out, sizes
from ..asking.shapley import exact, interactions, stacked, subsets
from ..errors import InvalidRequest
from ..registry import method
from ..types import Array, Arrays

if TYPE_CHECKING:
    from ..run import Run

MOST_GROUPS = 14


class ExactShapleyParams(CoalitionParams):
    """Parameters of `exact_shapley`."""

    segments: int = Field(
        12, ge=1, le=MOST_GROUPS, description="At most this many patches, windows or segments per input."
    )
    interactions: bool = Field(
        False, description="Give the interaction of every two groups too, numbered through over the inputs."
    )


def _evaluations(params: ExactShapleyParams, shapes: Mapping[str, Sequence[int]]) -> int:
    return _cost(*sizes(params, shapes)) + 1


def _cost(count: int, rows: int) -> int:
    if count > MOST_GROUPS:
        raise InvalidRequest(
            f"{count} groups have 2^{count} coalitions; exact_shapley takes at most {MOST_GROUPS} groups: "
            "make larger ones, or use kernel_shap or shapley_sampling",
            pointer="/params/groups",
        )
    return ((1 << count) - 1) * rows


@method(
    family="sampling",
    paper="Lundberg & Lee, 2017, arXiv:1705.07874, equation 4",
    completes=True,
    evaluations=_evaluations,
)
def exact_shapley(run: Run, params: ExactShapleyParams) -> Arrays:
    """Share the score among groups fairly: what each adds to a coalition, averaged over all coalitions."""
    pairs: list[Array] = []

    def explained(game: Game) -> tuple[Array, None]:
        count = game.groups.count
        _cost(count, game.rows)
        worth = game.values(subsets(count))
        if params.interactions:
            pairs.append(interactions(worth, count))
        return exact(worth, count), None

    arrays = shared_out(run, params, explained)
    return arrays | ({"interactions": stacked(pairs)} if params.interactions else {})
