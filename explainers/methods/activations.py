"""Activations: what the layers of a model answer to an input (Zeiler & Fergus, 2014; Yosinski et al., 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..registry import Params, method
from ..types import Arrays

if TYPE_CHECKING:
    from ..run import Run


class ActivationsParams(Params):
    """Parameters of `activations`."""

    layer: str | list[str] = Field(
        "auto",
        description="Tensors or nodes whose values are given; 'auto': every convolution and dense layer, its non-linearity "
        "applied.",
    )


@method(family="prototype", paper="Yosinski et al., 2015, arXiv:1506.06579, section 2", needs="run")
def activations(run: Run, params: ActivationsParams) -> Arrays:
    """What layers of the deployed model answer to each item, such as the feature maps of a convolution."""
    from ..inside.layers import Layers
    from ..inside.reading import Reader

    layers = Layers(run.model)
    names = layers.names() or [run.explained] if params.layer == "auto" else layers.named(params.layer)
    run.facts["unit_axis"] = {n: layers.unit_axis(n) for n in names}
    return {f"activation.{n}": a for n, a in Reader(run, names).all().items()}
