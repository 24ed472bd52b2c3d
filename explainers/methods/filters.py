"""Filters: the weights of a layer (Krizhevsky et al., 2012, figure 3; Zeiler & Fergus, 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from ..registry import Params, method
from ..types import Arrays

if TYPE_CHECKING:
    from ..run import Run


class FiltersParams(Params):
    """Parameters of `filters`."""

    layer: str | list[str] | None = Field(
        None,
        description="Nodes or tensors of the layers to show; default: every convolution and dense layer.",
    )


@method(
    family="prototype",
    paper="Krizhevsky et al., 2012, NeurIPS 25, figure 3; Zeiler & Fergus, 2014, arXiv:1311.2901, section 4.1",
    needs="run",
    per_item=False,
    evaluations=lambda params, shapes: 0,
    searches=True,
)
def filters(run: Run, params: FiltersParams) -> Arrays:
    """The weights of a model's layers, outputs first: what its convolutions and dense layers look for; no inputs are needed.

    A linear model's weights are given by their size as well: how much each value of the input counts.
    """
    from ..inside.weights import chosen, filters
    from ..told import Told

    model = run.model.prepared_as_declared(run.model.description.tensors)
    found = filters(model.graph)
    wanted = [params.layer] if isinstance(params.layer, str) else list(params.layer or [])
    kept = chosen(found, wanted)
    run.told = Told(run.explained, [])
    run.facts["layers"] = {
        f.name: {"operator": f.operator, "tensor": f.output, "reads": f.reads} for f in kept
    }
    arrays = {f"filter.{f.name}": f.weights for f in kept}
    if len(found) == 1 and found[0].reads:
        arrays[f"importance.{found[0].reads}"] = np.abs(found[0].weights)
    return arrays
