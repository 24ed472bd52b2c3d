"""Shapley values by permutations (Castro et al., 2009; Strumbelj & Kononenko, 2014; Mitchell et al., 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from ..asking.coalitions import CoalitionParams, Game, shared_out, sizes
from ..asking.effort import ROUND_BYTES, Effort, EffortParams, Mean, refuse_large, warn_of_few
from ..asking.shapley import marginals, prefixes
from ..registry import method
from ..types import Array, Arrays

if TYPE_CHECKING:
    from ..run import Run

LEAST = 8
"""Permutations without which a standard error says nothing."""
ENOUGH = 30
"""Permutations from which on the standard errors are true."""


class ShapleySamplingParams(CoalitionParams, EffortParams):
    """Parameters of `shapley_sampling`."""

    samples: int = Field(
        100,
        ge=LEAST,
        le=100_000,
        multiple_of=2,
        description="Permutations along which the groups join one after the other; every second one is the reverse of the last.",
    )


def _evaluations(params: ShapleySamplingParams, shapes: Mapping[str, Sequence[int]]) -> int:
    count, rows = sizes(params, shapes)
    refuse_large(2 * (count + 1), count, "/params/segments")
    asked = min(params.samples * max(count - 1, 0), 2 ** min(count, 60) - 2) * rows + rows
    return int(min(asked, params.budget or asked)) + 1


@method(
    family="sampling",
    paper="Strumbelj & Kononenko, 2014, doi:10.1007/s10115-013-0679-x; Mitchell et al., 2022, arXiv:2104.12199, section 3",
    completes=True,
    evaluations=_evaluations,
)
def shapley_sampling(run: Run, params: ShapleySamplingParams) -> Arrays:
    """Share the score among groups fairly: what each adds when the groups join in random orders and their reverses."""
    return shared_out(run, params, lambda game: _explained(game, params, run.rng()))


def _explained(game: Game, params: ShapleySamplingParams, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return one item's values and their standard errors; an order and its reverse are one observation."""
    count = game.groups.count
    each = max(count - 1, 1) * game.rows
    # an order and its reverse belong together
    most = 2 * max(1, ROUND_BYTES // (2 * count * (count + 1)))
    effort = Effort(params, params.samples, each, 1 + game.rows, LEAST, 2 * LEAST, most)
    sums = Mean()
    for samples in effort.rounds():
        orders = rng.permuted(np.tile(np.arange(count), (max(samples // 2, 1), 1)), axis=1)
        there, back = np.split(_added(game, np.concatenate([orders, orders[:, ::-1]])), 2)
        sums.add((there + back) / 2)
        effort.error = float(sums.error.max(initial=0))
    effort.tell(game.asker.run)
    if count > 2:  # of two groups an order and its reverse are all orders
        warn_of_few(game.asker.run, effort.taken, ENOUGH, "permutations")
    return sums.mean, sums.error


def _added(game: Game, orders: Array) -> Array:
    masks = prefixes(orders)
    worth = game.values(masks.reshape(-1, masks.shape[2]))
    return marginals(worth.reshape(masks.shape[:2]), orders)
