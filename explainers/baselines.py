"""Baselines: what an item is compared with, given as a word, a number, an array, or one of these per input."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from .errors import InvalidRequest
from .layout import axes_of
from .registry import BackwardParams
from .types import Array, InputCard

PLAIN = frozenset({int, float, str, bool, type(None)})


def as_lists(value: Any) -> Any:
    """Turn numpy arrays and numbers into lists and plain numbers, so that parameters survive JSON."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        # long lists are seldom of anything else
        return value if set(map(type, value)) <= PLAIN else [as_lists(v) for v in value]
    return {k: as_lists(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def as_column(value: Any) -> Any:
    """Turn a table's only column, such as labels from a file, into a list of its values."""
    value = as_lists(value)
    column = isinstance(value, list) and all(isinstance(row, list) and len(row) == 1 for row in value)
    return [row[0] for row in value] if column else value


Given = Annotated[
    float | Literal["zeros", "mean", "blur"] | list[Any] | dict[str, Any], BeforeValidator(as_lists)
]


class BaselineParams(BackwardParams):
    """What every method that compares with a baseline can be asked."""

    baseline: Given = Field(
        "zeros",
        description="Where the comparison starts: 'zeros', 'mean' of the item per channel, 'blur' of the item, a number, an "
        "array that broadcasts to an item, or a dict of these per input. Tokens: it is about their embeddings.",
    )
    blur: float | None = Field(
        None,
        gt=0,
        description="Standard deviation of the blur along each axis; default: a tenth of its length.",
    )


@dataclass(frozen=True)
class Subject:
    """The tensor that a baseline is for: its name in the request, the shape of one item, its channel axis."""

    name: str
    shape: tuple[int, ...]
    channel: int | None
    pointer: str = "baseline"
    """The parameter that says what the baseline is."""

    @property
    def space(self) -> tuple[int, ...]:
        """The axes behind or before the channels."""
        return tuple(i for i in range(len(self.shape)) if i != self.channel)

    def deviations(self, blur: float | None) -> list[float]:
        """Return the blur's standard deviation along each axis, 0 for the channels."""
        return [(blur or n / 10) if i in self.space else 0.0 for i, n in enumerate(self.shape)]


def subject(
    name: str,
    shape: Sequence[int],
    card: InputCard | None = None,
    *,
    embedding: bool = False,
    pointer: str = "baseline",
) -> Subject:
    """Find the channel axis: the card's, the embedding's, else the first of several."""
    letters = axes_of(card or InputCard(), shape)
    if embedding:
        channel: int | None = len(shape) - 1
    elif "C" in letters:
        channel = letters.index("C")
    else:
        channel = 0 if len(shape) > 1 and not letters else None
    return Subject(name, tuple(shape), channel, pointer)


def given_for(params: BaselineParams, name: str) -> Any:
    """Return what is asked for one input."""
    return params.baseline.get(name, "zeros") if isinstance(params.baseline, dict) else params.baseline


def check_names(params: BaselineParams, known: Collection[str], pointer: str = "baseline") -> None:
    """Refuse a baseline for an input that is not explained."""
    for name in params.baseline if isinstance(params.baseline, dict) else ():
        if name not in known:
            raise InvalidRequest(
                f"{name!r} is not explained; a baseline can be given for: {', '.join(known)}",
                pointer=f"/params/{pointer}/{name}",
            )


def constant(params: BaselineParams, of: Subject) -> Array | None:
    """Return the baseline as an array of one item's shape, None where it depends on the item."""
    value = given_for(params, of.name)
    if isinstance(value, str) and value in ("mean", "blur"):
        return None
    where = f"/params/{of.pointer}" + (f"/{of.name}" if isinstance(params.baseline, dict) else "")
    try:
        array = np.asarray(0.0 if isinstance(value, str) and value == "zeros" else value, np.float64)
        found = np.broadcast_to(array, of.shape)
    except (ValueError, TypeError) as e:
        raise InvalidRequest(
            f"the baseline does not broadcast to {list(of.shape)}, an item of {of.name!r}; give such an array, a number, "
            "'zeros', 'mean' or 'blur'",
            pointer=where,
        ) from e
    if not np.isfinite(array).all():
        raise InvalidRequest(f"the baseline of {of.name!r} holds NaN or an infinity", pointer=where)
    return found


def baseline(params: BaselineParams, of: Subject, x: Array) -> Array:
    """Return the baseline of one item, in float64."""
    found = constant(params, of)
    if found is not None:
        return found
    x = x.astype(np.float64)
    if given_for(params, of.name) == "mean":
        return np.broadcast_to(x.mean(of.space, keepdims=True), x.shape)
    return blurred(x, of.deviations(params.blur))


def blurred(x: Array, deviations: Sequence[float]) -> Array:
    """Return x blurred by a Gaussian along each axis."""
    from scipy.ndimage import gaussian_filter

    out: Array = gaussian_filter(x, deviations, mode="reflect")
    return out
