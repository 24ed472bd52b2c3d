"""SmoothGrad (Smilkov et al., 2017), SmoothGrad-Squared and VarGrad (Adebayo et al., 2018; Hooker et al., 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, ValidationInfo, field_validator

from ..registry import BackwardParams, Method, Params, method
from ..registry import find as find_method
from ..types import Array, Arrays

if TYPE_CHECKING:
    from ..run import Run


class SmoothGradParams(BackwardParams):
    """Parameters of `smooth_grad`."""

    of: str = Field(
        "gradient", description="The backward method whose explanations of noisy copies are reduced."
    )
    of_params: dict[str, Any] = Field({}, validate_default=True, description="Its parameters.")
    samples: int = Field(25, ge=1, le=100_000, description="Noisy copies of each item.")
    noise: float = Field(
        0.1, ge=0, description="Standard deviation of the noise, as a share of the item's range."
    )
    reduce: Literal["mean", "square", "variance"] = Field(
        "mean", description="'mean': SmoothGrad; 'square': the mean of squares; 'variance': VarGrad."
    )

    @field_validator("of")
    @classmethod
    def _explains_inputs(cls, of: str) -> str:
        from ..registry import methods

        fit = [m.name for m in methods().values() if m.family == "backward" and m.name != "smooth_grad"]
        if of not in fit:
            raise ValueError(f"{of!r} is no backward method; there are: {', '.join(fit)}")
        return of

    @field_validator("of_params")
    @classmethod
    def _valid_for_of(cls, of_params: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        # a fault in `of` is reported for itself
        if "of" in info.data:
            _inner(info.data, of_params)
        return of_params


def inner_params(params: SmoothGradParams) -> Params:
    """Return the parameters of the method whose explanations are reduced."""
    return _inner(dict(params), params.of_params)


def _inner(fields: Mapping[str, Any], of_params: Mapping[str, Any]) -> Params:
    outer = {k: fields[k] for k in ("at", "explain_inputs") if fields.get(k) is not None}
    try:
        return find_method(fields["of"]).params.model_validate({**outer, **of_params})
    except ValidationError as e:
        fault = e.errors()[0]
        raise ValueError(f"{'/'.join(map(str, fault['loc']))}: {fault['msg']}") from e


def _evaluations(params: SmoothGradParams, shapes: Mapping[str, Sequence[int]]) -> int:
    return params.samples * find_method(params.of).evaluations(inner_params(params), shapes) + 2


@method(
    family="backward",
    paper="Smilkov et al., 2017, arXiv:1706.03825, section 2.1; Adebayo et al., 2018, arXiv:1810.03292",
    evaluations=_evaluations,
)
def smooth_grad(run: Run, params: SmoothGradParams) -> Arrays:
    """What remains of an explanation when the input is shaken: its mean, mean square or variance over noisy copies."""
    from ..driving.noise import Moments, driven_samples, noisy_blocks

    inner, kind = inner_params(params), find_method(params.of)
    rows = run.rows(params.of if kind.compiled else "points/slopes", _points_of(kind, inner))
    sample = rows.at if kind.compiled else driven_samples(rows, kind, inner)
    found: dict[str, list[Array]] = {}
    for item in range(run.items):
        moments: dict[str, Moments] = {}
        for values in noisy_blocks(rows, item, params.samples, params.noise):
            for name, a in sample(values, np.full(len(next(iter(values.values()))), item)).items():
                if name.startswith("attribution."):
                    moments.setdefault(name, Moments()).add(a)
        for name, m in moments.items():
            value, error = m.reduced(params.reduce)
            found.setdefault(name, []).append(value)
            found.setdefault(f"error.{name.removeprefix('attribution.')}", []).append(error)
        run.progress(params.samples * (item + 1), params.samples * run.items, "evaluations")
    return {n: np.moveaxis(np.stack(a), 0, run.axis_of(n) or 0) for n, a in found.items()}


def _points_of(kind: Method, inner: Params) -> Params:
    if kind.compiled:
        return inner
    return BackwardParams(explain_inputs=inner.explain_inputs, at=getattr(inner, "at", None))
