"""Sensitivity analysis (Gevrey et al., 2003; Simonyan et al., 2013)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..registry import BackwardParams, method

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph


class SensitivityParams(BackwardParams):
    """Parameters of `sensitivity`."""

    absolute: bool = Field(
        False, description="False: squared derivatives, which sum to the gradient's squared norm; true: |g|."
    )


@method(family="backward", paper="Gevrey et al., 2003; Simonyan et al., 2013, arXiv:1312.6034", compiled=True)
def sensitivity(graph: ExplanationGraph, params: SensitivityParams) -> dict[str, Any]:
    """To which input values the score is most sensitive: squared partial derivatives."""
    op = graph.op
    return graph.attributions(graph.gradients(), lambda x, g: op.Abs(g) if params.absolute else op.Mul(g, g))
