"""Layer conductance (Dhamdhere et al., 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from ..baselines import BaselineParams
from ..registry import method
from ..types import Arrays

if TYPE_CHECKING:
    from ..run import Run


class LayerConductanceParams(BaselineParams):
    """Parameters of `layer_conductance`."""

    layer: str = Field(description="Tensor whose units the score's difference is shared among.")
    unit: int | list[int] | None = Field(
        None,
        description="Explain the inputs through this unit of the layer alone: its position behind the items, or the leading part "
        "of it, such as a channel.",
    )
    steps: int = Field(
        50,
        ge=1,
        le=1 << 14,
        description="Stretches into which the path from the baseline to the item is cut.",
    )
    rule: Literal["trapezoid", "riemann"] = Field(
        "trapezoid",
        description="Which gradient stands for a stretch: the mean of its ends', or that of its beginning; "
        "for one unit that of its middle.",
    )


def _evaluations(params: LayerConductanceParams, shapes: Mapping[str, Sequence[int]]) -> int:
    return params.steps + 3


@method(
    family="backward",
    paper="Dhamdhere et al., 2018, arXiv:1805.12233, equations 2 and 3",
    completes=True,
    evaluations=_evaluations,
)
def layer_conductance(run: Run, params: LayerConductanceParams) -> Arrays:
    """Share the score's difference to a baseline among a layer's units: how they change along the way, times the gradient."""
    from ..driving.conductance import of_layer, of_unit
    from ..driving.path import Path

    part = params.model_copy(update={"steps": 1, "rule": "trapezoid", "baseline": "zeros", "blur": None})
    rows = run.rows(f"layer_conductance/{'layer' if params.unit is None else 'unit'}", part)
    path = Path.from_baseline(rows, params)
    run.per_item["baseline_score"] = [float(v) for v in path.start_score]
    if params.unit is not None:
        return of_unit(path, params.rule, params.steps)
    found = of_layer(path, params.layer, params.rule, params.steps)
    delta = rows.score - path.start_score - found.reshape(run.items, -1).sum(1)
    run.per_item["delta"] = [float(v) for v in delta]
    return {f"attribution.{params.layer}": found.astype(np.float32)}
