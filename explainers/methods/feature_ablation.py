"""Feature ablation: what is lost without a group of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..asking.blocks import Asker, asked_about
from ..asking.covers import Copies
from ..asking.effort import BudgetParams, affordable, deadline, warn_of_rest
from ..asking.fills import FillParams, covers_of, rows_of
from ..asking.groups import GroupParams, Groups, find_groups, gather, groups_of
from ..registry import method
from ..types import Array, Arrays

if TYPE_CHECKING:
    from ..run import Run


class FeatureAblationParams(GroupParams, FillParams, BudgetParams):
    """Parameters of `feature_ablation`."""


def _evaluations(params: FeatureAblationParams, shapes: Mapping[str, Sequence[int]]) -> int:
    own = asked_about(params, shapes)
    asked = find_groups(params, own).count * rows_of(params, own)
    return min(asked, params.budget or asked) + 1


@method(family="sampling", paper="Lei et al., 2018, arXiv:1604.04173, section 6", evaluations=_evaluations)
def feature_ablation(run: Run, params: FeatureAblationParams) -> Arrays:
    """How much the score drops when one group of values is replaced; each member carries its group's drop."""
    asker = Asker.of(run)
    groups, values = [], []
    for item in range(run.items):
        groups.append(groups_of(run, params, item))
        values.append(_drops(asker, params, item, groups[-1]))
        asker.finished(item)
    return gather(run, params, groups, values)


def _drops(asker: Asker, params: FeatureAblationParams, item: int, groups: Groups) -> Array:
    """Return each group's drop, zero for those that the budget did not pay for."""
    run = asker.run
    copies = Copies(groups, covers_of(run, params, item))
    asked = affordable(run, params, groups.count, copies.rows)

    def show(copy: Array, row: Array) -> Arrays:
        return copies.show(np.arange(groups.count) != asked[copy, None], row)

    drops = np.zeros(groups.count)
    scores = asker.averages(item, len(asked), copies.rows, show, deadline(params))
    asked = asked[: len(scores)]
    drops[asked] = run.frozen[1][item] - scores
    run.per_item.setdefault("remaining", []).append(float(groups.count - len(asked)))
    warn_of_rest(run, params, groups.count - len(asked), "groups")
    return drops
