"""DeepLIFT (Shrikumar et al., 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..baselines import BaselineParams, check_names
from ..registry import method

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph


class DeepLiftParams(BaselineParams):
    """Parameters of `deep_lift`."""


@method(
    family="backward",
    paper="Shrikumar et al., 2017, arXiv:1704.02685, equations 1 and 3, section 3.5.2",
    compiled=True,
    completes=True,
)
def deep_lift(graph: ExplanationGraph, params: DeepLiftParams) -> dict[str, Any]:
    """Share the score's difference to a baseline among the inputs by quotients of differences in place of derivatives."""
    from ..graph.deep_lift import Differences, kind_of, refuse_uncovered
    from ..graph.reference import balance, reference
    from ..ops import VJPS

    check_names(params, [leaf.name for leaf in graph.leaves])
    path = graph.path(VJPS)
    ref = reference(graph.op, graph.leaves, graph.target, params)
    refuse_uncovered(path, ref)
    differences = Differences(graph.op, ref, path.active)
    arrived = graph.pull({graph.target: graph.weights}, VJPS, differences.rule_of, kind_of)
    arrays = graph.attributions(arrived, lambda x, m: graph.op.Mul(m, differences.delta(x)))
    graph.facts |= balance(graph, ref[graph.target], arrays)
    return arrays
