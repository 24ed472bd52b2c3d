"""Excitation backpropagation (Zhang et al., 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..registry import method
from ..relevance.composites import CONTRASTIVE, EXCITATION
from ..relevance.params import RelevanceParams
from ..relevance.rules import Numbers

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph


class ExcitationBackpropParams(RelevanceParams):
    """Parameters of `excitation_backprop`."""

    contrastive: bool = Field(
        False,
        description="Subtract what excites the target's dual, the same output with its last weights negated.",
    )


@method(family="backward", paper="Zhang et al., 2016, arXiv:1608.00507, eq. 3 and section 3.3", compiled=True)
def excitation_backprop(graph: ExplanationGraph, params: ExcitationBackpropParams) -> dict[str, Any]:
    """How likely each input value is among the winners that excited the score: marginal winning probability."""
    from ..relevance.flowback import Relevance

    numbers = Numbers(bias="drop", stabilizer=params.stabilizer.build())
    composite = CONTRASTIVE if params.contrastive else EXCITATION
    return Relevance(graph, composite, numbers, params).attributions(
        graph.op.Mul(graph.weights, graph.target)
    )
