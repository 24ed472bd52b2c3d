"""Groups: which values of an input are taken away together; given as numbers, or found from the kind of data."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from ..baselines import as_lists, subject
from ..errors import InvalidRequest
from ..layout import Shapes, axes_of, card_of, is_image, is_volume
from ..pixels import as_seen
from ..registry import Params
from ..tables import vector
from ..types import Array, Arrays, InputCard
from ..words import ASIDE, Words

if TYPE_CHECKING:
    from ..run import Run

Way = Literal["auto", "features", "channels", "grid", "windows", "slic", "words"]
OF_ITEMS = ("slic", "words")
"""Ways that find other groups in every item."""
HELD = -1
"""The group, before they are numbered through, of values that are never taken away."""


class GroupParams(Params):
    """What every method that takes groups away can be asked."""

    groups: Annotated[Way | list[Any] | dict[str, Any], BeforeValidator(as_lists)] = Field(
        "auto",
        description="Which values go together: an array of group numbers that broadcasts to an item, 'features' (each value), "
        "'channels', 'grid' or 'windows' (patches, channels together), 'slic' (segments of a picture or volume), 'words' (of a "
        "text; starts, ends and padding stay), or a dict of these per input; 'auto': words of texts, each value of tables and "
        "tokens, patches of everything else.",
    )
    segments: int = Field(
        64,
        ge=1,
        le=100_000,
        description="At most this many patches, windows, segments or words per input; where there are more words, neighbours "
        "go together.",
    )


@dataclass(frozen=True)
class Groups:
    """The groups of one item, numbered through over all explained inputs."""

    ids: Arrays
    """Per input, the group of each value of one item; `count` where the value is in none and never taken away."""
    first: dict[str, int]
    """Per input, its first group."""
    count: int

    def spread(self, values: Array) -> Arrays:
        """Give every member its group's value, and 0 to what is in no group."""
        wide = np.append(values, 0)
        return {n: wide[ids] for n, ids in self.ids.items()}

    def there(self, masks: Array, names: Collection[str] | None = None) -> Arrays:
        """Return which values of inputs, all by default, are there when these groups are, a row of `masks` each."""
        wide = np.pad(masks, ((0, 0), (0, 1)), constant_values=True)
        return {n: wide[:, ids] for n, ids in self.ids.items() if names is None or n in names}

    def segments(self) -> Arrays:
        """Return the groups of each input by numbers of its own, HELD for what is in none."""
        return {n: np.where(ids == self.count, HELD, ids - self.first[n]) for n, ids in self.ids.items()}

    def per_input(self, values: Array) -> Arrays:
        """Return each input's part of the values."""
        starts = [*self.first.values(), self.count]
        return {n: values[a:b] for n, a, b in zip(self.first, starts, starts[1:], strict=False)}


def groups_of(run: Run, params: GroupParams, item: int) -> Groups:
    """Return the groups of one item of a run."""
    items = {n: run.of_item(run.inputs[n], n, item) for n in run.explainable()}
    shapes = Shapes({n: x.shape for n, x in items.items()}, run.model.card.inputs)
    return find_groups(params, shapes, items, run.model.words)


def find_groups(
    params: GroupParams,
    shapes: Mapping[str, Sequence[int]],
    items: Mapping[str, Array] | None = None,
    words: Mapping[str, Words] | None = None,
) -> Groups:
    """Return the groups of inputs of these shapes; segments and words need the item, and are as many as can be without it."""
    _check_names(params, shapes)
    if not isinstance(params.groups, str) and (parts := vector(params.groups, shapes)):
        return _of_vector(params.groups, parts, shapes)
    ids: Arrays = {}
    first: dict[str, int] = {}
    count = 0
    for name, shape in shapes.items():
        x = None if items is None else items[name]
        own = _numbers(params, name, tuple(shape), card_of(shapes, name), x, (words or {}).get(name))
        first[name], ids[name] = count, np.where(own == HELD, HELD, own + count)
        count += int(own.max()) + 1
    return Groups({n: np.where(own == HELD, count, own) for n, own in ids.items()}, first, count)


def _of_vector(given: Any, parts: list[str], shapes: Mapping[str, Sequence[int]]) -> Groups:
    """Return the groups of one feature vector whose values are inputs; the same number means the same group."""
    ids = _given(given, "the vector of " + ", ".join(parts), (len(parts),), "/params/groups")
    return Groups(
        {n: np.full(tuple(shapes[n]), i) for n, i in zip(parts, ids, strict=True)},
        dict.fromkeys(parts, 0),
        int(ids.max()) + 1,
    )


def own_width(run: Run, params: GroupParams) -> int:
    """Return the most groups an input can have where each item has its own, 0 where all have the same."""
    ways = (_way(params, n, run.item_shape(n), run.model.card.input(n)) for n in run.explainable())
    return params.segments if any(isinstance(w, str) and w in OF_ITEMS for w in ways) else 0


def _way(params: GroupParams, name: str, shape: tuple[int, ...], card: InputCard) -> Any:
    """Return how the values of one input are grouped: a way, or numbers as they were given."""
    given = params.groups.get(name, "auto") if isinstance(params.groups, dict) else params.groups
    return _usual(shape, card) if isinstance(given, str) and given == "auto" else given


def _check_names(params: GroupParams, known: Mapping[str, Any]) -> None:
    for name in params.groups if isinstance(params.groups, dict) else ():
        if name not in known:
            raise InvalidRequest(
                f"{name!r} is not explained; groups can be given for: {', '.join(known)}",
                pointer=f"/params/groups/{name}",
            )


def _numbers(
    params: GroupParams,
    name: str,
    shape: tuple[int, ...],
    card: InputCard,
    x: Array | None,
    words: Words | None,
) -> Array:
    way = _way(params, name, shape, card)
    where = "/params/groups" + (f"/{name}" if isinstance(params.groups, dict) else "")
    if not isinstance(way, str):
        return _given(way, name, shape, where)
    of = subject(name, shape, card)
    if way == "words":
        return _words(shape, card, x, words, params.segments, name, where)
    if way == "slic":
        return _slic(shape, card, x, params.segments, name, where)
    if way == "channels" and of.channel is not None:
        return _along(shape, {of.channel: np.arange(shape[of.channel])})
    if way in ("grid", "windows"):
        return grid(shape, of.space, params.segments)
    if way in ("features", "channels"):
        return np.arange(math.prod(shape)).reshape(shape)
    raise InvalidRequest(f"{way!r} is no way to group the values of {name!r}", pointer=where)


def _usual(shape: tuple[int, ...], card: InputCard) -> str:
    if card.tokenizer is not None:
        return "words"
    if card.kind == "tabular" or (len(shape) < 2 and card.kind != "series"):
        return "features"
    return "features" if card.kind in ("tokens", "text") else "grid"


def _given(given: Any, name: str, shape: tuple[int, ...], where: str) -> Array:
    try:
        numbers = np.asarray(given)
        spread = np.broadcast_to(numbers, shape)
    except ValueError as e:
        raise InvalidRequest(
            f"the groups do not cover {name!r}: their shape does not broadcast to {list(shape)}, one item of it",
            pointer=where,
        ) from e
    if numbers.dtype.kind not in "iu" or (numbers < 0).any():
        raise InvalidRequest(
            f"the groups do not cover {name!r}: every value needs a group, a whole number from 0 up",
            pointer=where,
        )
    return _renumbered(spread)


def _renumbered(ids: Array) -> Array:
    out: Array = np.unique(ids, return_inverse=True)[1].reshape(ids.shape)
    return out


def grid(shape: Sequence[int], space: Sequence[int], most: int) -> Array:
    """Cut the axes of `space` into at most `most` patches, as square as can be; other axes stay whole."""
    parts = dict.fromkeys(space, 1)
    while True:
        # the axis with the longest patches is cut once more
        for axis in sorted(space, key=lambda a: parts[a] / shape[a]):
            more = parts | {axis: parts[axis] + 1}
            if parts[axis] < shape[axis] and math.prod(more.values()) <= most:
                parts = more
                break
        else:
            return _along(shape, {a: np.arange(shape[a]) * k // shape[a] for a, k in parts.items()})


def _along(shape: Sequence[int], positions: Mapping[int, Array]) -> Array:
    """Number the cells that positions along some axes make together."""
    ids = np.zeros(shape, np.int64)
    for axis, at in positions.items():
        ids = ids * (int(at.max()) + 1) + at.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return ids


def _slic(
    shape: tuple[int, ...], card: InputCard, x: Array | None, most: int, name: str, where: str
) -> Array:
    from skimage.segmentation import slic

    letters = axes_of(card, shape)
    if not (is_image(letters) or is_volume(letters)):
        raise InvalidRequest(
            f"slic needs a picture or a volume; the card of {name!r} does not say that it is one",
            pointer=where,
        )
    space = [i for i, letter in enumerate(letters) if letter != "C"]
    if x is None:
        return grid(shape, space, most)
    channel = letters.find("C")
    seen = as_seen(x, channel, card)
    # of three channels the library takes the colours, from 0 to 100, of others the values, from 0 to 1
    near = {"compactness": 10.0 if seen.shape[-1] == 3 else 0.1, "channel_axis": -1, "start_label": 0}
    # it takes the number for a wish
    tries = (slic(seen, n_segments=n, **near) for n in range(most, 0, -1))
    found = next((f for f in tries if len(np.unique(f)) <= most), np.zeros([shape[i] for i in space]))
    flat = _renumbered(np.asarray(found))
    return np.broadcast_to(flat if channel < 0 else np.expand_dims(flat, channel), shape)


def _words(
    shape: tuple[int, ...],
    card: InputCard,
    x: Array | None,
    words: Words | None,
    most: int,
    name: str,
    where: str,
) -> Array:
    """Number the words of a text, neighbours together where there are more than `most`."""
    if card.tokenizer is None or len(shape) != 1:
        raise InvalidRequest(
            f"words need the tokenizer of {name!r}, and its card names none; take 'features', each token alone",
            pointer=where,
        )
    if x is None or words is None:
        return np.arange(shape[0]) * min(most, shape[0]) // shape[0]
    found = words.tokens(x).words
    count = int(found.max(initial=ASIDE)) + 1
    if not count:
        raise InvalidRequest(f"a text of {name!r} holds no word", pointer=f"/inputs/{name}")
    together = min(most, count)
    return np.where(found == ASIDE, HELD, found * together // count)


def gather(
    run: Run,
    params: GroupParams,
    groups: Sequence[Groups],
    values: Sequence[Array],
    errors: Sequence[Array] | None = None,
) -> Arrays:
    """Return the arrays of an explanation by groups: members' and groups' values, standard errors, segments of its own."""
    most = own_width(run, params)
    found: dict[str, list[Array]] = {}
    for item, (own, v) in enumerate(zip(groups, values, strict=True)):
        parts = {"attribution": own.spread(v), "group": own.per_input(v)}
        parts |= {"error": own.spread(errors[item])} if errors is not None else {}
        parts |= {"segment": own.segments()} if most else {}
        for what, arrays in parts.items():
            for n, a in arrays.items():
                found.setdefault(f"{what}.{n}", []).append(_padded(a, most) if what == "group" else a)
    return {
        n: np.moveaxis(np.stack(a), 0, run.axis_of(n) or 0).astype(
            np.int32 if n.startswith("segment.") else np.float32
        )
        for n, a in found.items()
    }


def _padded(a: Array, most: int) -> Array:
    return np.pad(a, (0, max(most - len(a), 0)))
