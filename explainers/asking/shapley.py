"""Shapley values: exactly from all coalitions, by weighted regression on some, by permutations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..types import Array


def subsets(count: int) -> Array:
    """Return every coalition of so many groups, a row each; row i holds the bits of i."""
    return (np.arange(1 << count)[:, None] >> np.arange(count) & 1).astype(bool)


def exact(worth: Array, count: int) -> Array:
    """Return the Shapley values from the worth of all coalitions, in the order of `subsets`."""
    numbers = np.arange(1 << count)
    members = subsets(count).sum(1)
    share = np.array([1 / (count * math.comb(count - 1, s)) for s in range(count)])
    found = []
    for i in range(count):
        without = numbers[(numbers >> i & 1) == 0]
        found.append((share[members[without]] * (worth[without | 1 << i] - worth[without])).sum())
    return np.array(found)


def interactions(worth: Array, count: int) -> Array:
    """Return the Shapley interaction index of every pair (Grabisch & Roubens, 1999)."""
    numbers, members = np.arange(1 << count), subsets(count).sum(1)
    share = np.array([1 / ((count - 1) * math.comb(count - 2, s)) for s in range(max(count - 1, 0))])
    found = np.zeros((count, count))
    for i in range(count):
        for j in range(i):
            a, b = 1 << i, 1 << j
            rest = numbers[(numbers & (a | b)) == 0]
            both = worth[rest | a | b] - worth[rest | a] - worth[rest | b] + worth[rest]
            found[i, j] = found[j, i] = (share[members[rest]] * both).sum()
    return found


def stacked(tables: Sequence[Array]) -> Array:
    """Return tables of interactions as one array, zeros where an item has fewer groups than another."""
    most = max(len(t) for t in tables)
    return np.stack([np.pad(t, (0, most - len(t))) for t in tables]).astype(np.float32)


# ---- regression


def size_weights(count: int) -> Array:
    """Return the Shapley kernel's weight of all coalitions of each size from 1 to count - 1 together, summing to 1."""
    sizes = np.arange(1, count)
    weight = 1 / (sizes * (count - sizes))
    return np.asarray(weight / weight.sum())


@dataclass
class Regression:
    """A weighted regression of worth on membership, forced through nothing and everything: whole sizes and drawn pairs.

    Sizes s and n - s are taken whole from the outside in while they cost less than drawing would; the rest is drawn in
    pairs of a coalition and its complement, each pair one observation of the drawn part of the sums.
    """

    count: int
    nothing: float
    whole: float
    drawn_weight: float = 0.0
    pairs: list[Array] = field(default_factory=list)
    """Per drawn pair: its coalition."""
    worth: list[Array] = field(default_factory=list)
    """Per drawn pair: the worth of the coalition and of its complement."""
    fixed: list[tuple[Array, Array, float]] = field(default_factory=list)
    """Coalitions taken whole, their worth, and the weight of each."""

    def take(self, members: Array, worth: Array) -> None:
        """Add all coalitions of one size."""
        size = int(members[0].sum())
        share = size_weights(self.count)[size - 1] / math.comb(self.count, size)
        self.fixed.append((members, worth, float(share)))

    def draw(self, members: Array, here: Array, there: Array) -> None:
        """Add drawn coalitions, with the worth of each and of its complement."""
        self.pairs.append(members)
        self.worth.append(np.stack([here, there], 1))

    def values(self) -> tuple[Array, Array]:
        """Return the Shapley values and their standard errors."""
        gram, moment = self._sums()
        inverse = np.linalg.pinv(gram, hermitian=True)
        one = inverse.sum(1)
        # the constraint is kept by moving along what it costs least
        free = inverse @ moment
        found = free + one * (self.whole - self.nothing - free.sum()) / one.sum()
        project = inverse - np.outer(one, one) / one.sum()
        return found, self._errors(found, project)

    def _sums(self) -> tuple[Array, Array]:
        gram, moment = np.zeros((self.count, self.count)), np.zeros(self.count)
        for members, v, weight in self._parts():
            z = members.astype(np.float64)
            gram += weight * z.T @ z
            moment += weight * z.T @ (v - self.nothing)
        return gram, moment

    def _parts(self) -> Iterator[tuple[Array, Array, float]]:
        yield from self.fixed
        if self.pairs:
            z, v = np.concatenate(self.pairs), np.concatenate(self.worth)
            weight = self.drawn_weight / (2 * len(z))
            yield z, v[:, 0], weight
            yield ~z, v[:, 1], weight

    def _errors(self, found: Array, project: Array) -> Array:
        """Return the sandwich's errors: how the drawn pairs' residual moments vary, carried through the solution."""
        if not self.pairs:
            return np.zeros(self.count)
        z, v = np.concatenate(self.pairs), np.concatenate(self.worth)
        n = len(z)
        here, there = z.astype(np.float64), (~z).astype(np.float64)
        moved = here * (v[:, 0] - self.nothing - here @ found)[:, None]
        moved += there * (v[:, 1] - self.nothing - there @ found)[:, None]
        moved = (moved - moved.mean(0)) @ project * (self.drawn_weight / 2)
        # what the drawn pairs alone determine of the fit costs them degrees of freedom
        gram = (here.T @ here + there.T @ there) * (self.drawn_weight / (2 * n))
        spare = max(n - 1 - float((project * gram).sum()), 1.0)
        out: Array = np.sqrt((moved**2).sum(0) / spare / n)
        return out


def draw_pairs(rng: np.random.Generator, count: int, sizes: Array, number: int) -> Array:
    """Draw coalitions by the Shapley kernel among these sizes; a complement belongs to each."""
    weight = size_weights(count)[sizes - 1]
    size = rng.choice(sizes, number, p=weight / weight.sum())
    order = rng.random((number, count)).argsort(1)
    members = np.empty((number, count), bool)
    np.put_along_axis(members, order, np.arange(count) < size[:, None], 1)
    return members


def whole_sizes(count: int, affordable: int) -> list[int]:
    """Return the sizes whose coalitions are all asked: from the outside in, while drawing would ask as many anyway."""
    weight, left, taken = size_weights(count), float(affordable), 0.0
    whole: list[int] = []
    for s in range(1, count // 2 + 1):
        pair = sorted({s, count - s})
        cost = sum(math.comb(count, k) for k in pair)
        share = float(sum(weight[k - 1] for k in pair))
        if cost > left * share / max(1 - taken, share):
            break
        whole, left, taken = whole + pair, left - cost, taken + share
    return whole


def of_size(count: int, size: int) -> Array:
    """Return all coalitions of one size."""
    from itertools import combinations

    members = np.array(list(combinations(range(count), size)))
    out = np.zeros((len(members), count), bool)
    out[np.arange(len(members))[:, None], members] = True
    return out


# ---- permutations


def prefixes(order: Array) -> Array:
    """Return, for orders of the groups (rows), the coalitions that grow along each: (orders, count + 1, count)."""
    rank = order.argsort(1)
    return np.asarray(rank[:, None, :] < np.arange(order.shape[1] + 1)[None, :, None])


def marginals(worth: Array, order: Array) -> Array:
    """Return what each group adds when it joins, from the worth of the prefixes."""
    added = np.zeros(order.shape)
    np.put_along_axis(added, order, np.diff(worth, axis=1), 1)
    return added
