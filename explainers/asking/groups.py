"""Groups: which values of an input are taken away together; given as numbers, or found from the kind of data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from ..baselines import as_lists, subject
from ..errors import InvalidRequest
from ..layout import Shapes, axes_of, card_of, is_image
from ..registry import Params
from ..types import Array, Arrays, InputCard

if TYPE_CHECKING:
    from ..run import Run

Way = Literal["auto", "features", "channels", "grid", "windows", "slic"]


class GroupParams(Params):
    """What every method that takes groups away can be asked."""

    groups: Annotated[Way | list[Any] | dict[str, Any], BeforeValidator(as_lists)] = Field(
        "auto",
        description="Which values go together: an array of group numbers that broadcasts to an item, 'features' (each value), "
        "'channels', 'grid' or 'windows' (patches, channels together), 'slic' (segments of a picture), or a dict of these per "
        "input; 'auto': each value of tables and tokens, patches of everything else.",
    )
    segments: int = Field(
        64, ge=1, le=100_000, description="At most this many patches, windows or segments per input."
    )


@dataclass(frozen=True)
class Groups:
    """The groups of one item, numbered through over all explained inputs."""

    ids: Arrays
    """Per input, the group of each value of one item."""
    first: dict[str, int]
    """Per input, its first group."""
    count: int

    def spread(self, values: Array) -> Arrays:
        """Give every member its group's value."""
        return {n: values[ids] for n, ids in self.ids.items()}

    def per_input(self, values: Array) -> Arrays:
        """Return each input's part of the values."""
        starts = [*self.first.values(), self.count]
        return {n: values[a:b] for n, a, b in zip(self.first, starts, starts[1:], strict=False)}


def groups_of(run: Run, params: GroupParams, item: int) -> Groups:
    """Return the groups of one item of a run."""
    items = {n: run.of_item(run.inputs[n], n, item) for n in run.explainable()}
    return find_groups(params, Shapes({n: x.shape for n, x in items.items()}, run.model.card.inputs), items)


def find_groups(
    params: GroupParams, shapes: Mapping[str, Sequence[int]], items: Mapping[str, Array] | None = None
) -> Groups:
    """Return the groups of inputs of these shapes; segments of a picture need the item, and are a grid without it."""
    _check_names(params, shapes)
    ids: Arrays = {}
    first: dict[str, int] = {}
    count = 0
    for name, shape in shapes.items():
        x = None if items is None else items[name]
        own = _numbers(params, name, tuple(shape), card_of(shapes, name), x)
        first[name], ids[name] = count, own + count
        count += int(own.max()) + 1
    return Groups(ids, first, count)


def own_width(params: GroupParams) -> int:
    """Return the most groups an input can have where each item has its own, 0 where all have the same."""
    ways = params.groups.values() if isinstance(params.groups, dict) else [params.groups]
    return params.segments if any(isinstance(w, str) and w == "slic" for w in ways) else 0


def _check_names(params: GroupParams, known: Mapping[str, Any]) -> None:
    for name in params.groups if isinstance(params.groups, dict) else ():
        if name not in known:
            raise InvalidRequest(
                f"{name!r} is not explained; groups can be given for: {', '.join(known)}",
                pointer=f"/params/groups/{name}",
            )


def _numbers(
    params: GroupParams, name: str, shape: tuple[int, ...], card: InputCard, x: Array | None
) -> Array:
    given = params.groups.get(name, "auto") if isinstance(params.groups, dict) else params.groups
    where = "/params/groups" + (f"/{name}" if isinstance(params.groups, dict) else "")
    if not isinstance(given, str):
        return _given(given, name, shape, where)
    of = subject(name, shape, card)
    way = _usual(shape, card) if given == "auto" else given
    if way == "slic":
        return _slic(shape, card, x, params.segments, name, where)
    if way == "channels" and of.channel is not None:
        return _along(shape, {of.channel: np.arange(shape[of.channel])})
    if way in ("grid", "windows"):
        return grid(shape, of.space, params.segments)
    if way in ("features", "channels"):
        return np.arange(math.prod(shape)).reshape(shape)
    raise InvalidRequest(f"{given!r} is no way to group the values of {name!r}", pointer=where)


def _usual(shape: tuple[int, ...], card: InputCard) -> str:
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
    if not is_image(letters):
        raise InvalidRequest(
            f"slic needs a picture; the card of {name!r} does not say that it is one", pointer=where
        )
    space = sorted(letters.index(a) for a in "HW")
    if x is None:
        return grid(shape, space, most)
    channel = letters.find("C")
    scaled = (x - x.min()) / max(float(np.ptp(x)), 1e-12)
    axis = channel if channel >= 0 else None
    # the library takes the number for a wish
    tries = (slic(scaled, n_segments=n, channel_axis=axis, start_label=0) for n in range(most, 0, -1))
    found = next((f for f in tries if len(np.unique(f)) <= most), np.zeros([shape[i] for i in space]))
    flat = _renumbered(np.asarray(found))
    return np.broadcast_to(flat if channel < 0 else np.expand_dims(flat, channel), shape)


def gather(
    run: Run,
    params: GroupParams,
    groups: Sequence[Groups],
    values: Sequence[Array],
    errors: Sequence[Array] | None = None,
) -> Arrays:
    """Return the arrays of an explanation by groups: members' and groups' values, standard errors, segments of its own."""
    most = own_width(params)
    found: dict[str, list[Array]] = {}
    for item, (own, v) in enumerate(zip(groups, values, strict=True)):
        parts = {"attribution": own.spread(v), "group": own.per_input(v)}
        parts |= {"error": own.spread(errors[item])} if errors is not None else {}
        parts |= {"segment": {n: ids - own.first[n] for n, ids in own.ids.items()}} if most else {}
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
