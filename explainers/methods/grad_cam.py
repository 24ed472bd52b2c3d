"""Grad-CAM (Selvaraju et al., 2017) and Grad-CAM++ (Chattopadhay et al., 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..errors import InvalidRequest
from ..registry import Params, method

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph
    from ..graph.leaves import Leaf


class GradCamParams(Params):
    """Parameters of `grad_cam`."""

    layer: str = Field("auto", description="Tensor of feature maps; 'auto': the last convolution's output.")
    plus_plus: bool = Field(
        False, description="Weigh each cell of a map by its share of second-order evidence (Grad-CAM++)."
    )


@method(
    family="backward",
    paper="Selvaraju et al., 2017, arXiv:1610.02391, equations 1 and 2; Chattopadhay et al., 2018, arXiv:1710.11063, equation 19",
    compiled=True,
)
def grad_cam(graph: ExplanationGraph, params: GradCamParams) -> dict[str, Any]:
    """Where the last feature maps speak for the target: the maps weighted by their mean gradients, kept where positive."""
    from ..graph.cam import class_map, spread
    from ..graph.layer import find_layer, last_convolution

    layer = last_convolution(graph) if params.layer == "auto" else find_layer(graph, params.layer)
    cam = class_map(graph, layer, plus_plus=params.plus_plus)
    arrays = {
        f"attribution.{leaf.name}": spread(graph.op, cam, leaf) for leaf in graph.leaves if _fits(leaf, layer)
    }
    if not arrays:
        names = ", ".join(leaf.name for leaf in graph.leaves)
        raise InvalidRequest(
            f"{layer.name!r} has no axes of space in common with {names}; name a layer that has",
            pointer="/params/layer",
        )
    return {**arrays, f"map.{layer.name}": cam}


def _fits(leaf: Leaf, layer: Any) -> bool:
    from ..graph.cam import space

    known = leaf.kind != "embedding" and leaf.source.shape is not None
    return known and space(layer, len(leaf.source.shape or [])) is not None
