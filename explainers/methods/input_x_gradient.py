"""Input times gradient (Shrikumar et al., 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..registry import BackwardParams, method

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph


class InputXGradientParams(BackwardParams):
    """Parameters of `input_x_gradient`."""


@method(family="backward", paper="Shrikumar et al., 2016, arXiv:1605.01713", compiled=True)
def input_x_gradient(graph: ExplanationGraph, params: InputXGradientParams) -> dict[str, Any]:
    """What each input value contributes to first order: the value times its derivative."""
    return graph.attributions(graph.gradients(), graph.op.Mul)
