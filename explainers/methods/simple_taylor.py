"""Simple Taylor decomposition (Bach et al., 2015; Montavon et al., 2017)."""

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


class SimpleTaylorParams(BackwardParams):
    """Parameters of `simple_taylor`."""

    root: Annotated[
        float | Literal["search", "zeros", "mean", "blur"] | list[Any] | dict[str, Any],
        BeforeValidator(as_lists),
    ] = Field(
        "search",
        description="Where the score is expanded: 'search' follows the gradient to a point of score 0; a point ('zeros', 'mean', "
        "'blur', a number, an array, a dict of these per input) gives the end of a segment on which such a point is sought.",
    )
    steps: int = Field(32, ge=1, le=1000, description="Evaluations spent on finding the root point.")


def _evaluations(params: SimpleTaylorParams, shapes: Mapping[str, Sequence[int]]) -> int:
    return params.steps + 3


@method(
    family="backward",
    paper="Bach et al., 2015, PLOS ONE 10(7), equation 5; Montavon et al., 2017, arXiv:1512.02479, equation 3",
    evaluations=_evaluations,
)
def simple_taylor(run: Run, params: SimpleTaylorParams) -> Arrays:
    """Share the score by its first-order expansion at a root point nearby: distance to the root times the gradient there."""
    from ..driving.path import Path, find_roots

    rows = run.rows("points/slopes", BackwardParams(explain_inputs=params.explain_inputs, at=params.at))
    if params.root == "search":
        path = Path(rows, _newton_ends(rows.values, rows.unperturbed))
        reach = 2.0**20
    else:
        path, reach = Path.from_baseline(rows, BaselineParams(baseline=params.root), pointer="root"), 1.0
    root, score, found = find_roots(path, reach, params.steps)
    products = {p.name: (rows.values[p.name] - root[p.name]) * found[f"slope.{p.name}"] for p in rows.points}
    explained = np.sum([a.reshape(run.items, -1).sum(1) for a in products.values()], 0)
    run.per_item |= {
        "root_score": [float(v) for v in score],
        "remainder": [float(v) for v in rows.score - score - explained],
    }
    _warn(run, rows.score, score)
    roots = {
        f"root.{p.leaf}": np.moveaxis(root[p.name], 0, run.axis_of(p.name) or 0)
        for p in rows.points
        if not p.embedding
    }
    return rows.attribution(products) | roots


def _newton_ends(values: Arrays, found: Arrays) -> Arrays:
    """Return where each item's score would be 0 if it were linear: x - f g / |g|^2."""
    slopes = {n: found[f"slope.{n}"].astype(np.float64) for n in values}
    norm = np.sum([(g**2).reshape(len(g), -1).sum(1) for g in slopes.values()], 0)
    step = found["account.score"] / np.where(norm > 0, norm, 1.0)
    return {n: x - step.reshape(-1, *[1] * (x.ndim - 1)) * slopes[n] for n, x in values.items()}


def _warn(run: Run, score: Array, at_root: Array) -> None:
    missed = int((np.abs(at_root) > 1e-3 * np.maximum(np.abs(score), 1e-6)).sum())
    if missed:
        run.warnings.append(
            f"{missed} items have no point of score 0 on the way searched; see the account's root_score"
        )
