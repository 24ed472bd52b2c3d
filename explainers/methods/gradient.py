"""Gradient (Baehrens et al., 2010; Simonyan et al., 2013)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..registry import BackwardParams, method

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph


class GradientParams(BackwardParams):
    """Parameters of `gradient`."""


@method(
    family="backward",
    paper="Baehrens et al., 2010, JMLR 11; Simonyan et al., 2013, arXiv:1312.6034",
    compiled=True,
)
def gradient(graph: ExplanationGraph, params: GradientParams) -> dict[str, Any]:
    """How the explained score changes with each input value: the partial derivatives."""
    op, arrived = graph.op, graph.gradients()
    arrays = graph.attributions(arrived, lambda x, g: op.Mul(g, g) if graph.is_embedding(x) else g)
    for leaf in graph.leaves:
        if leaf.kind == "embedding":
            # a token has no derivative: the norm of its embedding's says how much it matters
            arrays[f"attribution.{leaf.name}"] = op.Sqrt(arrays[f"attribution.{leaf.name}"])
            arrays[f"embedding_gradient.{leaf.name}"] = arrived[leaf.name][0]
    return arrays
