"""Occlusion (Zeiler & Fergus, 2014)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, StringConstraints

from ..asking.blocks import Asker, asked_about
from ..asking.effort import BudgetParams, affordable, deadline, warn_of_rest
from ..asking.fills import FillParams, check_names, cover_of, rows_of
from ..baselines import subject
from ..errors import InvalidRequest
from ..layout import card_of
from ..registry import method
from ..types import Array, Arrays, InputCard
from ..words import ASIDE

if TYPE_CHECKING:
    from ..run import Run

Duration = Annotated[str, StringConstraints(pattern=r"^[0-9]*\.?[0-9]+ *s$")]
Size = int | Duration | list[int]
Sizes = Size | dict[str, Size]
Patch = tuple[slice, ...]


class OcclusionParams(FillParams, BudgetParams):
    """Parameters of `occlusion`."""

    window: Sizes | None = Field(
        None,
        description="Length of the patch along each axis but the channels, one for all or one each, or per input; of series "
        "with a rate also seconds, such as '0.5 s'; default: a column of a table, an eighth of each axis of everything else.",
    )
    stride: Sizes | None = Field(
        None, description="Step between patches; default: half the window, at least 1."
    )
    channels: Literal["together", "each"] = Field(
        "together", description="Cover all channels at once, or one at a time."
    )


def _evaluations(params: OcclusionParams, shapes: Mapping[str, Sequence[int]]) -> int:
    own = asked_about(params, shapes)
    count = sum(_Plan.of(n, s, params, card_of(shapes, n)).count for n, s in own.items())
    asked = count * rows_of(params, own)
    return min(asked, params.budget or asked) + 1


@method(family="sampling", paper="Zeiler & Fergus, 2014, arXiv:1311.2901", evaluations=_evaluations)
def occlusion(run: Run, params: OcclusionParams) -> Arrays:
    """How much the score drops when a patch of the input is covered; overlapping patches are averaged."""
    asker = Asker.of(run)
    names = run.explainable()
    check_names(params, names)
    cards = run.model.card
    cuts = [(n, cut) for n in names for cut in _Plan.of(n, run.item_shape(n), params, cards.input(n))]
    asked = [cuts[i] for i in affordable(run, params, len(cuts), rows_of(params, run.shapes))]
    arrays: Arrays = {f"attribution.{n}": np.zeros(run.inputs[n].shape, np.float32) for n in names}
    for item in range(run.items):
        answered, ends = 0, deadline(params)
        for name in names:
            own = [cut for n, cut in asked if n == name]
            moves = _moves(run, name, item)
            drops = _drops(asker, params, (name, item, moves), own, ends)
            target = run.of_item(arrays[f"attribution.{name}"], name, item)
            target[...] = _average(own[: len(drops)], drops, run.item_shape(name)) * moves
            answered += len(drops)
        run.per_item.setdefault("remaining", []).append(float(len(cuts) - answered))
        warn_of_rest(run, params, len(cuts) - answered, "patches")
        asker.finished(item)
    return arrays


def _moves(run: Run, name: str, item: int) -> Array:
    """Return where one item is covered: not at the start, the end and the padding of a text."""
    x, words = run.of_item(run.inputs[name], name, item), run.model.words.get(name)
    return np.ones(x.shape, bool) if words is None else words.tokens(x).words != ASIDE


def _drops(
    asker: Asker, params: OcclusionParams, of: tuple[str, int, Array], cuts: list[Patch], ends: float
) -> Array:
    """Return the score's drop for each patch over one item, of the first ones where the time `ends` comes before."""
    run, (name, item, moves) = asker.run, of
    cover = cover_of(run, params, name, item)

    def show(copy: Array, row: Array) -> Arrays:
        there = np.ones((len(copy), *run.item_shape(name)), bool)
        for left, number in zip(there, copy, strict=True):
            left[cuts[number]] = ~moves[cuts[number]]
        return cover.show(there, row)

    return np.asarray(run.frozen[1][item] - asker.averages(item, len(cuts), cover.rows, show, ends))


def _average(cuts: list[Patch], drops: Array, shape: Sequence[int]) -> Array:
    total, count = np.zeros(shape), np.zeros(shape)
    for cut, drop in zip(cuts, drops, strict=True):
        total[cut] += drop
        count[cut] += 1
    return total / np.maximum(count, 1)


@dataclass(frozen=True)
class _Plan:
    """The patches over an item: whole channels together or each, windows along the other axes."""

    channel: int | None
    channels: range
    """The channels that are covered one at a time; of none, all are covered together."""
    window: list[int]
    starts: list[range]

    @classmethod
    def of(cls, name: str, shape: Sequence[int], params: OcclusionParams, card: InputCard) -> _Plan:
        channel = subject(name, shape, card).channel
        space = [n for axis, n in enumerate(shape) if axis != channel]
        # columns that stand beside each other in a table have nothing to do with each other
        usual = [1 if card.kind == "tabular" else max(1, n // 8) for n in space]
        window = _lengths(params.window, name, "window", space, usual, card.rate)
        stride = _lengths(params.stride, name, "stride", space, [max(1, w // 2) for w in window], card.rate)
        starts = [range(0, max(n - w + s, 1), s) for n, w, s in zip(space, window, stride, strict=True)]
        apart = channel is not None and params.channels == "each"
        channels = range(shape[channel or 0] if apart else 0)
        return cls(channel, channels, window, starts)

    @property
    def count(self) -> int:
        """How many there are, without making them: it is asked before a job is accepted."""
        return max(len(self.channels), 1) * math.prod(len(s) for s in self.starts)

    def __iter__(self) -> Iterator[Patch]:
        for of_channel in [slice(c, c + 1) for c in self.channels] or [slice(None)]:
            for corner in itertools.product(*self.starts):
                cut = [slice(a, a + w) for a, w in zip(corner, self.window, strict=True)]
                at = self.channel
                yield tuple(cut if at is None else [*cut[:at], of_channel, *cut[at:]])


def _lengths(
    given: Sizes | None, name: str, what: str, space: Sequence[int], default: list[int], rate: float | None
) -> list[int]:
    value = given.get(name) if isinstance(given, dict) else given
    if value is None:
        return default
    if isinstance(value, str):
        value = _samples(value, name, what, rate)
    lengths = [value] * len(space) if isinstance(value, int) else list(value)
    if len(lengths) != len(space) or any(not 1 <= w <= n for w, n in zip(lengths, space, strict=True)):
        raise InvalidRequest(
            f"{what} {value} does not fit the axes {list(space)} of {name!r}: one length from 1 up for each",
            pointer=f"/params/{what}",
        )
    return lengths


def _samples(duration: str, name: str, what: str, rate: float | None) -> int:
    """Return the samples of a duration, at least one."""
    if rate is None:
        raise InvalidRequest(
            f"{what} {duration!r} is a duration, and the card of {name!r} does not say its rate; give a number of samples",
            pointer=f"/params/{what}",
        )
    return max(1, round(float(duration.rstrip("s ")) * rate))
