"""Integrated gradients (Sundararajan et al., 2017) and expected gradients (Erion et al., 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from ..baselines import BaselineParams, as_lists
from ..registry import BackwardParams, method
from ..types import Array, Arrays

if TYPE_CHECKING:
    from ..run import Run

MOST_STEPS = 1 << 14
"""Where doubling ends although the tolerance is not reached."""


class IntegratedGradientsParams(BaselineParams):
    """Parameters of `integrated_gradients`."""

    steps: int = Field(
        50, ge=1, le=MOST_STEPS, description="Points on the path from the baseline to the item."
    )
    rule: Literal["gauss_legendre", "trapezoid", "riemann"] = Field(
        "gauss_legendre",
        description="How the points are laid and weighted; 'riemann' takes the middles of equal steps.",
    )
    tolerance: float | None = Field(
        None,
        gt=0,
        description="Double an item's steps until its sum misses the score difference by less than this.",
    )
    data: Annotated[list[Any] | dict[str, Any] | None, BeforeValidator(as_lists)] = Field(
        None,
        description="Rows to start from in place of one baseline: expected gradients over `steps` random starts and points.",
    )
    multiply_by_inputs: bool = Field(
        True, description="False: the mean gradient along the path, not times its length."
    )


def _evaluations(params: IntegratedGradientsParams, shapes: Mapping[str, Sequence[int]]) -> int:
    return params.steps * (2 if params.data is not None else 1) + 2


@method(
    family="backward",
    paper="Sundararajan et al., 2017, arXiv:1703.01365, equation 1",
    completes=True,
    evaluations=_evaluations,
)
def integrated_gradients(run: Run, params: IntegratedGradientsParams) -> Arrays:
    """Share the score's difference to a baseline among the inputs: distance times the mean gradient along the way."""
    from ..driving.path import Path, expect, integrate

    rows = run.rows("points/slopes", BackwardParams(explain_inputs=params.explain_inputs, at=params.at))
    if params.data is not None:
        return expect(rows, params.data, params.steps, scale=params.multiply_by_inputs)
    path = Path.from_baseline(rows, params)
    means, steps = integrate(path, params.rule, params.steps, params.tolerance, MOST_STEPS)
    products = {p.name: means[p.name] * path.length(p.name) for p in rows.points}
    delta = rows.score - path.start_score - _sums(products)
    run.per_item |= {
        "baseline_score": [float(v) for v in path.start_score],
        "delta": [float(v) for v in delta],
        "steps": [float(v) for v in steps],
    }
    if params.tolerance is not None and (missed := int((np.abs(delta) > params.tolerance).sum())):
        run.warnings.append(
            f"{missed} items do not reach the tolerance within {MOST_STEPS} steps; see the account's delta"
        )
    return rows.attribution(products if params.multiply_by_inputs else means)


def _sums(products: Arrays) -> Array:
    total: Array = np.sum([a.reshape(len(a), -1).sum(1) for a in products.values()], 0)
    return total
