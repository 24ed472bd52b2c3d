"""Covering a part of an item: each cover makes copies of one input in which some values are there and others are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..front import FLOAT32, PREFIX, Front
from ..itemwise import Axes
from ..types import Array, Arrays
from .groups import Groups

if TYPE_CHECKING:
    import onnx_ir as ir

    from ..graph.build import Builder

CHANGE_BYTES = 1 << 26
"""The largest matrix of changes."""
SHARES, BY_GROUP = f"{PREFIX}/shares/", f"{PREFIX}/by_group/"
"""What is fed to a graph that makes copies itself, before an input's name."""
Guess = Callable[[Array, Array, int | None], Array]
"""Guesses an item's covered values from those that are there; also told which axis is the channels'."""


def as_type(a: Array, dtype: Any) -> Array:
    """Return numbers in an input's type, rounded where it is whole."""
    return (np.rint(a) if np.dtype(dtype).kind in "iu" else a).astype(dtype)


def beyond(a: Array, dtype: Any) -> Array:
    """Return those of some numbers that an input's type cannot hold: whole ones would come round, large ones be infinite."""
    if np.dtype(dtype).kind == "f":
        return np.asarray(a[np.abs(a) > np.finfo(dtype).max])
    low, high = (0, 1) if np.dtype(dtype).kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return np.asarray(a[(np.rint(a) < low) | (np.rint(a) > high)])


class Cover(Protocol):
    """Covers one input of one item."""

    @property
    def rows(self) -> int:
        """How many rows are shown in turn in place of what is covered."""

    def show(self, there: Array, row: Array) -> Arrays:
        """Return copies, rows first, in which only the values that are `there` are the item's."""


@dataclass(frozen=True)
class Shown(Cover):
    """Rows are shown in place of what is covered."""

    name: str
    x: Array
    fills: Array
    """Rows first."""

    @property
    def rows(self) -> int:
        """How many rows are shown in turn."""
        return len(self.fills)

    def show(self, there: Array, row: Array) -> Arrays:
        """Return copies with the rows' values where the item's are not there."""
        return {self.name: _chosen(there, self.x, self.fills if self.rows == 1 else self.fills[row])}


def _chosen(there: Array, x: Array, fill: Array) -> Array:
    """Return x where it is there, else the fill; picking bits takes a quarter of the time of choosing numbers."""
    if x.dtype != np.float32:
        return np.where(there, x, fill)
    ground = fill.view(np.int32)
    bits = np.negative(there.view(np.int8)).astype(np.int32) & (x.view(np.int32) ^ ground)
    bits ^= ground
    return bits.view(np.float32)


@dataclass(frozen=True)
class Guessed(Cover):
    """What is covered is guessed from what is left of the item."""

    name: str
    x: Array
    channel: int | None
    guess: Guess

    @property
    def rows(self) -> int:
        """One guess is shown."""
        return 1

    def show(self, there: Array, row: Array) -> Arrays:
        """Return copies with guesses where the item's values are not there."""
        del row
        full = np.broadcast_to(there, (len(there), *self.x.shape))
        guesses = np.stack([self.guess(self.x, t, self.channel) for t in full])
        return {self.name: as_type(guesses, self.x.dtype)}


@dataclass(frozen=True)
class Removed(Cover):
    """What is covered is taken out of a text: what follows moves up, and the end is padded."""

    name: str
    x: Array
    companions: Mapping[str, Array]
    """The item's masks and kinds of tokens, which move with the tokens."""
    pad: int

    @property
    def rows(self) -> int:
        """There is one way to leave words out."""
        return 1

    def show(self, there: Array, row: Array) -> Arrays:
        """Return shorter texts, padded to the item's length."""
        del row
        there = np.broadcast_to(there, (len(there), *self.x.shape))
        order = np.argsort(~there, axis=1, kind="stable")
        past = np.arange(len(self.x)) >= there.sum(1, keepdims=True)
        parts = {self.name: (self.x, self.pad)} | {n: (a, 0) for n, a in self.companions.items()}
        return {n: np.where(past, a.dtype.type(end), a[order]) for n, (a, end) in parts.items()}


@dataclass(frozen=True)
class Joint(Cover):
    """The columns of a feature vector that are inputs of one value each."""

    covers: Mapping[str, Cover]
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def rows(self) -> int:
        """How many rows are shown in turn."""
        return next(iter(self.covers.values())).rows

    def show(self, there: Array, row: Array) -> Arrays:
        """Return copies of every column, `there` a column for each."""
        out: Arrays = {}
        for i, (name, cover) in enumerate(self.covers.items()):
            out |= cover.show(there[:, i].reshape(-1, *self.shapes[name]), row)
        return out


@dataclass(frozen=True)
class Change:
    """One input's values and their fill by groups: copies of many coalitions are one matrix product.

    Each value of a copy is one product by 1 and a sum of zeros, so that it is the item's or the fill's to the last bit.
    """

    by_group: Array
    """What shows where a group is there, where it is not, and always; groups first, values flattened."""
    shape: tuple[int, ...]
    filled: bool
    """Whether anything but zeros shows where a group is not there."""
    fixed: bool
    """Whether values are in no group."""

    @classmethod
    def of(cls, cover: Cover, ids: Array, count: int) -> Change | None:
        """Return what copies of one input are made of, None where they are no such sum or the matrix would be large."""
        if not isinstance(cover, Shown) or cover.rows > 1 or cover.x.dtype != np.float32:
            return None
        if (2 * count + 1) * cover.x.nbytes > CHANGE_BYTES:
            return None
        own, fill, group = cover.x.reshape(-1), cover.fills[0].reshape(-1), ids.reshape(-1)
        if not (np.isfinite(own).all() and np.isfinite(fill).all()):
            return None
        at, grouped = np.arange(own.size), group < count
        filled, fixed = bool(fill.any()), not grouped.all()
        by_group = np.zeros(((1 + filled) * count + fixed, own.size), np.float32)
        by_group[group[grouped], at[grouped]] = own[grouped]
        if filled:
            by_group[count + group[grouped], at[grouped]] = fill[grouped]
        if fixed:
            by_group[-1, ~grouped] = own[~grouped]
        return cls(by_group, cover.x.shape, filled, fixed)

    def shares(self, masks: Array) -> Array:
        """Return which rows of the matrix each copy is the sum of, in which only these groups are there, as booleans."""
        parts = [masks] + [~masks] * self.filled + [np.ones((len(masks), 1), bool)] * self.fixed
        return masks if len(parts) == 1 else np.concatenate(parts, 1)

    def show(self, masks: Array) -> Array:
        """Return copies in which only these groups are there, a row of `masks` each."""
        found = self.shares(masks).astype(np.float32) @ self.by_group
        return np.asarray(found.reshape(-1, *self.shape))

    def nodes(self, op: Builder, shares: ir.Value, by_group: ir.Value, axis: int) -> ir.Value:
        """Append the nodes that make copies of their shares, items along an axis, and return the copies."""
        copies = op.Reshape(op.MatMul(op.Cast(shares, to=FLOAT32), by_group), [-1, *self.shape])
        order = [*range(1, len(self.shape) + 1)]
        moved: ir.Value = op.Transpose(copies, perm=[*order[:axis], 0, *order[axis:]]) if axis else copies
        return moved


@dataclass(frozen=True)
class Copies:
    """Copies of one item of which only some groups are there."""

    groups: Groups
    covers: Mapping[str, Cover]

    @cached_property
    def _changes(self) -> dict[str, Change]:
        found = {n: Change.of(self.covers[n], ids, self.groups.count) for n, ids in self.groups.ids.items()}
        return {n: change for n, change in found.items() if change is not None}

    @property
    def rows(self) -> int:
        """Evaluations that one coalition takes."""
        return next(iter(self.covers.values())).rows

    def show(self, masks: Array, row: Array) -> Arrays:
        """Return copies of every input, a row of `masks` says which groups are there."""
        out = {n: change.show(masks) for n, change in self._changes.items()}
        rest = [n for n in self.covers if n not in out]
        there = self.groups.there(masks, rest) if rest else {}
        for name in rest:
            out |= self.covers[name].show(there[name], row)
        return out

    def front(self, masks: Array, axes: Axes) -> Front | None:
        """Return what makes these copies in the graph, None where it could not make those of every input."""
        changes = self._changes
        if changes.keys() != self.covers.keys():
            return None

        def nodes(op: Builder, fed: Mapping[str, ir.Value]) -> dict[str, ir.Value]:
            return {
                n: change.nodes(op, fed[SHARES + n], fed[BY_GROUP + n], axes[n] or 0)
                for n, change in changes.items()
            }

        return Front(
            ("coalitions", *((n, change.shape, axes[n]) for n, change in changes.items())),
            tuple(changes),
            {BY_GROUP + n: change.by_group for n, change in changes.items()},
            lambda begin, end: {SHARES + n: change.shares(masks[begin:end]) for n, change in changes.items()},
            nodes,
        )
