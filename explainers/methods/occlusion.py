"""Occlusion (Zeiler & Fergus, 2014)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from ..errors import InvalidRequest
from ..registry import Params, method
from ..types import Array, Arrays

if TYPE_CHECKING:
    from ..run import Run

Sizes = int | list[int] | dict[str, int | list[int]]
BLOCK_BYTES = 1 << 26
"""Perturbed copies made at a time."""


class OcclusionParams(Params):
    """Parameters of `occlusion`."""

    window: Sizes | None = Field(
        None,
        description="Length of the patch along each axis behind the channels, one for all or one each, or per input; "
        "default: an eighth of each axis, at least 1.",
    )
    stride: Sizes | None = Field(
        None, description="Step between patches; default: half the window, at least 1."
    )
    channels: Literal["together", "each"] = Field(
        "together", description="Cover all channels at once, or one at a time."
    )
    fill: float | list[Any] | dict[str, Any] | Literal["mean"] = Field(
        0.0,
        description="What the patch shows: a number, 'mean' of the item per channel, or an array that broadcasts to an item.",
    )


def _evaluations(params: OcclusionParams, shapes: Mapping[str, Sequence[int]]) -> int:
    return sum(len(list(_patches(name, shape, params))) for name, shape in shapes.items()) + 1


@method(family="sampling", paper="Zeiler & Fergus, 2014, arXiv:1311.2901", evaluations=_evaluations)
def occlusion(run: Run, params: OcclusionParams) -> Arrays:
    """How much the score drops when a patch of the input is covered; overlapping patches are averaged."""
    names = run.explainable()
    cuts = {n: list(_patches(n, run.item_shape(n), params)) for n in names}
    total, done = run.items * sum(len(c) for c in cuts.values()), 0
    arrays: Arrays = {}
    for name in names:
        arrays[f"attribution.{name}"] = np.zeros(run.inputs[name].shape, np.float32)
        for item in range(run.items):
            drops = _drops(
                run,
                name,
                item,
                cuts[name],
                params,
                lambda n, d=done: run.progress(d + n, total, "evaluations"),
            )
            done += len(cuts[name])
            run.of_item(arrays[f"attribution.{name}"], name, item)[...] = _average(
                cuts[name], drops, run.item_shape(name)
            )
    return arrays


def _drops(
    run: Run, name: str, item: int, cuts: list[tuple[slice, ...]], params: OcclusionParams, tell: Any
) -> Array:
    """Return the score's drop for each patch over one item, in bounded blocks of copies."""
    x = run.of_item(run.inputs[name], name, item)
    fill = _fill(x, params.fill, name)
    block = max(1, BLOCK_BYTES // max(x.nbytes, 1))
    drops = []
    for begin in range(0, len(cuts), block):
        chosen = cuts[begin : begin + block]
        copies = np.repeat(x[None], len(chosen), 0)
        for copy, cut in zip(copies, chosen, strict=True):
            copy[cut] = fill[cut]
        drops.append(run.frozen[1][item] - run.scores(run.copies(item, {name: copies}), [item] * len(chosen)))
        tell(begin + len(chosen))
    return np.concatenate(drops)


def _average(cuts: list[tuple[slice, ...]], drops: Array, shape: Sequence[int]) -> Array:
    total, count = np.zeros(shape), np.zeros(shape)
    for cut, drop in zip(cuts, drops, strict=True):
        total[cut] += drop
        count[cut] += 1
    return total / np.maximum(count, 1)


def _patches(name: str, shape: Sequence[int], params: OcclusionParams) -> Iterator[tuple[slice, ...]]:
    """Yield the patches over an item: whole channels together or each, windows along the axes behind."""
    lead, space = (shape[:1], shape[1:]) if len(shape) > 1 else ((), shape)
    window = _lengths(params.window, name, "window", space, [max(1, n // 8) for n in space])
    stride = _lengths(params.stride, name, "stride", space, [max(1, w // 2) for w in window])
    starts = [range(0, max(n - w + s, 1), s) for n, w, s in zip(space, window, stride, strict=True)]
    channels = (
        [(slice(c, c + 1),) for c in range(lead[0])]
        if lead and params.channels == "each"
        else [(slice(None),) * len(lead)]
    )
    for channel in channels:
        for corner in itertools.product(*starts):
            yield (*channel, *(slice(a, a + w) for a, w in zip(corner, window, strict=True)))


def _lengths(
    given: Sizes | None, name: str, what: str, space: Sequence[int], default: list[int]
) -> list[int]:
    value = given.get(name) if isinstance(given, dict) else given
    if value is None:
        return default
    lengths = [value] * len(space) if isinstance(value, int) else list(value)
    if len(lengths) != len(space) or any(not 1 <= w <= n for w, n in zip(lengths, space, strict=True)):
        raise InvalidRequest(
            f"{what} {value} does not fit the axes {list(space)} of {name!r}: one length from 1 up for each",
            pointer=f"/params/{what}",
        )
    return lengths


def _fill(x: Array, given: Any, name: str) -> Array:
    value = given.get(name, 0.0) if isinstance(given, dict) else given
    if value == "mean" and isinstance(value, str):
        return np.broadcast_to(
            x.mean(tuple(range(1, x.ndim)) or None, keepdims=True).astype(x.dtype), x.shape
        )
    try:
        return np.broadcast_to(np.asarray(value, x.dtype), x.shape)
    except (ValueError, TypeError) as e:
        raise InvalidRequest(
            f"fill does not broadcast to {list(x.shape)}, an item of {name!r}", pointer="/params/fill"
        ) from e
