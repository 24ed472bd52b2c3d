"""Owen values over a hierarchy of groups (Owen, 1977), as the partition explainer of SHAP gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from ..asking.coalitions import CoalitionParams, Game, shared_out, sizes
from ..asking.owen import Tree, coalitions, halves, read_tree, size
from ..errors import InvalidRequest
from ..registry import method
from ..types import Array, Arrays

if TYPE_CHECKING:
    from ..run import Run

MOST_COALITIONS = 1 << 18


class PartitionShapParams(CoalitionParams):
    """Parameters of `partition_shap`."""

    hierarchy: list[Any] | None = Field(
        None,
        description="Groups in lists in lists, each group once, numbered through over the inputs; what is in one list is near. "
        "Default: consecutive groups, halved again and again.",
    )


def _tree(params: PartitionShapParams, count: int) -> Tree:
    """Return the hierarchy of so many groups, or refuse one that takes too many coalitions."""
    given = params.hierarchy
    tree = halves(0, count) if given is None else read_tree(given, count, "/params/hierarchy")
    if size(tree) > MOST_COALITIONS:
        raise InvalidRequest(
            f"the hierarchy of {count} groups takes {size(tree)} coalitions, more than {MOST_COALITIONS}; make it deeper, or "
            "take fewer groups",
            pointer="/params/hierarchy" if given is not None else "/params/segments",
        )
    return tree


def _evaluations(params: PartitionShapParams, shapes: Mapping[str, Sequence[int]]) -> int:
    count, rows = sizes(params, shapes)
    return int(min(size(_tree(params, count)), 2 ** min(count, 60)) * rows + 1)


@method(
    family="sampling",
    paper="Owen, 1977, doi:10.1007/978-3-642-45494-3_7; Lundberg & Lee, 2017, arXiv:1705.07874",
    completes=True,
    evaluations=_evaluations,
)
def partition_shap(run: Run, params: PartitionShapParams) -> Arrays:
    """Share the score along a hierarchy of groups: each branch joins coalitions in which others are there whole or not."""
    return shared_out(run, params, lambda game: (_explained(game, params), None))


def _explained(game: Game, params: PartitionShapParams) -> Array:
    """Return one item's Owen values."""
    count = game.groups.count
    found = np.zeros(count)
    for group, masks, weights in coalitions(_tree(params, count), count):
        joined = masks.copy()
        joined[:, group] = True
        worth = game.values(np.concatenate([masks, joined]))
        found[group] = weights @ np.subtract(*np.split(worth, 2)[::-1])
    return found
