"""Guided backpropagation (Springenberg et al., 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..registry import BackwardParams, method

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph


class GuidedBackpropParams(BackwardParams):
    """Parameters of `guided_backprop`."""


@method(family="backward", paper="Springenberg et al., 2015, arXiv:1412.6806", compiled=True)
def guided_backprop(graph: ExplanationGraph, params: GuidedBackpropParams) -> dict[str, Any]:
    """What excites the score: the gradient, of which each Relu passes only what is positive where it is active.

    Of a neuron or channel when `target` names an inner tensor and weights: the others of its layer start at zero.
    """
    from ..relevance.rectifiers import guided, pull

    return pull(graph, guided)
