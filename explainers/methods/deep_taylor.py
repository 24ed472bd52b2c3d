"""Deep Taylor decomposition (Montavon et al., 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..registry import method
from ..relevance.composites import DEEP_TAYLOR
from ..relevance.params import RelevanceParams
from ..relevance.rules import Numbers

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph


class DeepTaylorParams(RelevanceParams):
    """Parameters of `deep_taylor`."""


@method(
    family="backward", paper="Montavon et al., 2017, Pattern Recognition 65, arXiv:1512.02479", compiled=True
)
def deep_taylor(graph: ExplanationGraph, params: DeepTaylorParams) -> dict[str, Any]:
    """What speaks for a positive score, by a Taylor expansion at every neuron: positive contributions only."""
    from ..relevance.flowback import Relevance

    op, shares = graph.op, graph.op.Mul(graph.weights, graph.target)
    rank = len(graph.target.shape or [])
    score = op.ReduceSum(shares, list(range(1, rank)), keepdims=1) if rank > 1 else shares
    # the expansion is one of max(f, 0)
    start = op.Mul(shares, op.Sign(op.Relu(score)))
    numbers = Numbers(bias="drop", stabilizer=params.stabilizer.build())
    return Relevance(graph, DEEP_TAYLOR, numbers, params).attributions(start)
