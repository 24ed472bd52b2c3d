"""Deconvolutional network (Zeiler & Fergus, 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..registry import BackwardParams, method

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph


class DeconvnetParams(BackwardParams):
    """Parameters of `deconvnet`."""


@method(family="backward", paper="Zeiler & Fergus, 2014, arXiv:1311.2901", compiled=True)
def deconvnet(graph: ExplanationGraph, params: DeconvnetParams) -> dict[str, Any]:
    """What a neuron reconstructs in the input: back through transposed filters, rectified, unpooled by the switches.

    Of a neuron or channel when `target` names an inner tensor and weights: the others of its layer start at zero.
    """
    from ..relevance.rectifiers import deconvolved, pull

    return pull(graph, deconvolved)
