"""What is shown in place of the values that are taken away: one fill for an item, or the rows of a background."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from ..baselines import BaselineParams, Given, Subject, as_lists, baseline, subject
from ..errors import InvalidRequest
from ..registry import Params
from ..types import Array, InputCard


class FillParams(Params):
    """What every method that covers a part of the input can be asked."""

    fill: Given = Field(
        0.0,
        description="What is shown in place of a part: a number, 'zeros', 'mean' of the item per channel, 'blur' of the item, "
        "an array that broadcasts to an item, or a dict of these per input. Tokens: a token's number.",
    )
    blur: float | None = Field(
        None,
        gt=0,
        description="Standard deviation of the blur along each axis; default: a tenth of its length.",
    )


class BackgroundParams(FillParams):
    """What every method that compares with typical items can be asked."""

    background: Annotated[list[Any] | dict[str, Any] | None, BeforeValidator(as_lists)] = Field(
        None,
        description="Typical items, rows first, or a dict of such arrays per input: what is taken away is drawn from each row "
        "in turn, and the scores are averaged; replaces `fill`.",
    )


def check_names(params: FillParams, known: Collection[str]) -> None:
    """Refuse a fill for an input that is not explained."""
    for name in params.fill if isinstance(params.fill, dict) else ():
        if name not in known:
            raise InvalidRequest(
                f"{name!r} is not explained; a fill can be given for: {', '.join(known)}",
                pointer=f"/params/fill/{name}",
            )


def filler(params: FillParams, name: str, x: Array, card: InputCard | None = None) -> Array:
    """Return what stands in place of one item, in its own type and shape."""
    found = baseline(_as_baseline(params), _subject(name, x.shape, card), x)
    return as_type(found, x.dtype)


def as_type(a: Array, dtype: Any) -> Array:
    """Return numbers in an input's type, rounded where it is whole."""
    return (np.rint(a) if np.dtype(dtype).kind in "iu" else a).astype(dtype)


def _as_baseline(params: FillParams) -> BaselineParams:
    given = {k: v or 0.0 for k, v in params.fill.items()} if isinstance(params.fill, dict) else params.fill
    return BaselineParams(baseline=given, blur=params.blur)


def _subject(name: str, shape: Sequence[int], card: InputCard | None) -> Subject:
    return subject(name, shape, card, pointer="fill")


def fillers(params: BackgroundParams, name: str, x: Array, card: InputCard | None = None) -> Array:
    """Return the rows that stand in place of one item: the background's, or the one fill."""
    if params.background is None:
        return filler(params, name, x, card)[None]
    return as_type(background_rows(params, name, x.shape), x.dtype)


def background_rows(params: BackgroundParams, name: str, shape: Sequence[int]) -> Array:
    """Return the background of one input, or refuse one that does not have its shape."""
    given = params.background.get(name) if isinstance(params.background, dict) else params.background
    where = "/params/background" + (f"/{name}" if isinstance(params.background, dict) else "")
    try:
        rows = np.asarray(given, np.float64)
    except (ValueError, TypeError) as e:
        raise InvalidRequest(f"the background of {name!r} is no array of numbers", pointer=where) from e
    if rows.shape[1:] != tuple(shape) or not len(rows) or not np.isfinite(rows).all():
        raise InvalidRequest(
            f"the background of {name!r} has shape {list(rows.shape)}; it needs rows of shape {list(shape)}, all finite",
            pointer=where,
        )
    return rows


def background_size(params: BackgroundParams, shapes: Mapping[str, Sequence[int]]) -> int:
    """Return the number of background rows, the same for all inputs."""
    if params.background is None:
        return 1
    sizes = {n: len(background_rows(params, n, s)) for n, s in shapes.items()}
    if len(set(sizes.values())) > 1:
        raise InvalidRequest(
            f"the background's inputs disagree on the number of rows: {sizes}", pointer="/params/background"
        )
    return next(iter(sizes.values()), 1)
