"""Kernel SHAP (Lundberg & Lee, 2017), with pairs and true standard errors (Covert & Lee, 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from ..asking.coalitions import CoalitionParams, Game, shared_out, sizes
from ..asking.effort import ROUND_BYTES, Effort, EffortParams, refuse_large
from ..asking.shapley import Regression, draw_pairs, of_size, size_weights, whole_sizes
from ..errors import InvalidRequest
from ..registry import method
from ..types import Array, Arrays

if TYPE_CHECKING:
    from ..run import Run

MOST_SAMPLES = 200_000
PAIR_BYTES = 16
"""What drawing a pair of coalitions takes for each group."""
PER_GROUP = 8
"""Coalitions per group without which the regression, or its errors, are undetermined."""


class KernelShapParams(CoalitionParams, EffortParams):
    """Parameters of `kernel_shap`."""

    samples: int | None = Field(
        None,
        ge=4,
        le=MOST_SAMPLES,
        description="Coalitions asked of each item; all of them where there are no more. Default: 2048 and two per group, and no "
        "fewer than eight per group.",
    )


def _samples(params: KernelShapParams, count: int) -> int:
    """Return how many coalitions are asked; so few that the regression is undetermined are refused."""
    wanted = params.samples or min(max(2048 + 2 * count, PER_GROUP * count), MOST_SAMPLES)
    if count < MOST_SAMPLES.bit_length() and (1 << count) - 2 <= wanted:
        return (1 << count) - 2
    if wanted < PER_GROUP * count:
        raise InvalidRequest(
            f"{wanted} samples do not determine the values of {count} groups; take {PER_GROUP * count} or more, or fewer groups",
            pointer="/params/samples",
        )
    refuse_large(min(wanted, params.budget or wanted), count, "/params/samples")
    return int(wanted)


def _evaluations(params: KernelShapParams, shapes: Mapping[str, Sequence[int]]) -> int:
    count, rows = sizes(params, shapes)
    asked = (_samples(params, count) + 1) * rows
    return int(min(asked, params.budget or asked)) + 1


@method(
    family="sampling",
    paper="Lundberg & Lee, 2017, arXiv:1705.07874, theorem 2; Covert & Lee, 2021, arXiv:2012.01536",
    completes=True,
    evaluations=_evaluations,
)
def kernel_shap(run: Run, params: KernelShapParams) -> Arrays:
    """Share the score among groups fairly, by a weighted linear regression on some coalitions that keeps the sum."""
    return shared_out(run, params, lambda game: _explained(game, params, run.rng()))


def _explained(game: Game, params: KernelShapParams, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return one item's values and their standard errors."""
    count = game.groups.count
    if count == 1:
        return np.array([game.whole - game.nothing]), np.zeros(1)
    least = PER_GROUP * count
    most = 2 * max(1, ROUND_BYTES // (PAIR_BYTES * count))
    effort = Effort(params, _samples(params, count), game.rows, 1 + game.rows, least, 2 * least, most)
    # whole sizes are asked whole: where the time is short, no more than there must be
    whole = whole_sizes(count, effort.paid if params.seconds is None else min(least, effort.paid))
    known = [np.zeros((1, count), bool), *(of_size(count, size) for size in whole)]
    effort.taken += sum(len(m) for m in known[1:])
    if params.seconds is not None:
        _worth(game, *known)
    loose, none = np.setdiff1d(np.arange(1, count), whole), np.zeros((0, count), bool)
    rounds = effort.rounds() if len(loose) else iter(())
    drawn = (draw_pairs(rng, count, loose, max(samples // 2, 1)) for samples in rounds)
    # the first pairs together with what is known to be asked: at each end of asking lanes wait for each other
    members = next(drawn, none)
    _, *values, here, there = _worth(game, *known, members, ~members)
    regression = Regression(count, game.nothing, game.whole, float(size_weights(count)[loose - 1].sum()))
    for coalitions, worth in zip(known[1:], values, strict=True):
        regression.take(coalitions, worth)
    while len(members):
        regression.draw(members, here, there)
        if params.tolerance is not None:
            effort.error = float(regression.values()[1].max())
        members = next(drawn, none)
        here, there = _worth(game, members, ~members)
    effort.tell(game.asker.run)
    return regression.values()


def _worth(game: Game, *lots: Array) -> list[Array]:
    """Return the worth of the coalitions of several lots, asked together."""
    return np.split(game.values(np.concatenate(lots)), np.cumsum([len(lot) for lot in lots])[:-1])
