"""Shapley values from all coalitions (Shapley, 1953; Lundberg & Lee, 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from ..asking.blocks import Asker
from ..asking.coalitions import CoalitionParams, Game, sizes, tell
from ..asking.groups import gather
from ..asking.shapley import exact, interactions, stacked, subsets
from ..errors import InvalidRequest
from ..registry import method
from ..types import Arrays

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
    asker = Asker.of(run)
    groups, values, pairs = [], [], []
    for item in range(run.items):
        game = Game.of(asker, params, item)
        count = game.groups.count
        _cost(count, game.rows)
        worth = game.values(subsets(count))
        values.append(exact(worth, count))
        groups.append(game.groups)
        pairs.append(interactions(worth, count) if params.interactions else np.zeros(0))
        tell(run, game, values[-1], 0.0)
        asker.finished(item)
    arrays = gather(run, params, groups, values)
    return arrays | ({"interactions": stacked(pairs)} if params.interactions else {})
