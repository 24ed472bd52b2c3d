"""Top activations: what drives the units of a layer most (Zeiler & Fergus, 2014)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ..registry import Params, method
from ..types import Arrays

if TYPE_CHECKING:
    from ..run import Run


class TopActivationsParams(Params):
    """Parameters of `top_activations`."""

    layer: str = Field(
        "auto",
        description="Tensor or node whose units are looked at; 'auto': the last convolution's maps, or the last hidden layer.",
    )
    top: int = Field(9, ge=1, le=1000, description="Items for each unit.")
    units: list[int] | None = Field(
        None, description="Numbers of the channels or neurons to look at; default: all that ever fire."
    )
    axis: int | None = Field(
        None,
        ge=1,
        description="Axis of the layer, its items first, that counts its units; default: the channels of convolutions, else the "
        "last axis.",
    )
    project: Literal["none", "deconvnet", "guided_backprop", "lrp"] = Field(
        "none", description="Method that shows what in each patch drives the unit."
    )


def _evaluations(params: TopActivationsParams, shapes: Mapping[str, Sequence[int]]) -> int:
    return 1 if params.project == "none" else 2


@method(
    family="prototype",
    paper="Zeiler & Fergus, 2014, arXiv:1311.2901, section 4",
    needs="run",
    per_item=False,
    evaluations=_evaluations,
)
def top_activations(run: Run, params: TopActivationsParams) -> Arrays:
    """The items of a data set that drive each unit of a layer most, and the part of them that the unit sees."""
    from ..inside.layers import Layers
    from ..inside.top import shown

    layers = Layers(run.model)
    layer = layers.maps() if params.layer == "auto" else layers.find(params.layer)
    axis = params.axis if params.axis is not None else layers.unit_axis(layer)
    return shown(run, params, layer, axis)
