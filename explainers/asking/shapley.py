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


ROWS = 2048
"""Coalitions that are worked on at a time, so that they stay in the processor's cache."""


@dataclass
class Regression:
    """A weighted regression of worth on membership, forced through nothing and everything: whole sizes and drawn pairs.

    Sizes s and n - s are taken whole from the outside in while they cost less than drawing would; the rest is drawn in
    pairs of a coalition and its complement, each pair one observation of the drawn part of the sums. Of a coalition z only
    the signs h = 2z - 1 enter the moments: the rest, the same for all groups, the constraint takes away. A pair is thus one
    row h, with the worth of z less that of its complement.
    """

    count: int
    nothing: float
    whole: float
    drawn_weight: float = 0.0
    pairs: list[tuple[Array, Array]] = field(default_factory=list)
    """Drawn coalitions, and the worth of each less that of its complement."""
    alone: float = 0.0
    """The part of the coalitions taken whole, by weight, that a group is in."""
    together: float = 0.0
    """The part that two groups are in."""
    moment: Array = field(init=False)
    """The moment of signs and worth in the coalitions taken whole."""

    def __post_init__(self) -> None:
        self.moment = np.zeros(self.count)

    def take(self, members: Array, worth: Array) -> None:
        """Add all coalitions of one size."""
        size = int(members[0].sum())
        share = float(size_weights(self.count)[size - 1])
        self.alone += share * size / self.count
        self.together += share * size * (size - 1) / (self.count * (self.count - 1))
        for h, v in _signs(members, worth - self.nothing):
            self.moment += v @ h * (share / len(members) / 2)

    def draw(self, members: Array, here: Array, there: Array) -> None:
        """Add drawn coalitions, with the worth of each and of its complement."""
        self.pairs.append((members, here - there))

    def values(self) -> tuple[Array, Array]:
        """Return the Shapley values and their standard errors."""
        n, products, moment = self._sums()
        # (zz' + (1 - z)(1 - z)') / 2 = (hh' + 11') / 4
        weight = self.drawn_weight / 4 / max(n, 1)
        gram = weight * (products + n) + self.together
        gram.flat[:: self.count + 1] += self.alone - self.together
        inverse = np.linalg.pinv(gram, hermitian=True)
        one = inverse.sum(1)
        # the constraint is kept by moving along what it costs least
        free = inverse @ (self.moment + weight * moment)
        found = free + one * (self.whole - self.nothing - free.sum()) / one.sum()
        project = inverse - np.outer(one, one) / one.sum()
        if not n:
            return found, np.zeros(self.count)
        # what the drawn pairs alone determine of the fit costs them degrees of freedom
        spare = max(n - 1 - weight * float((project * products).sum()), 1.0)
        mean = (moment - products @ found) / n
        squares = self._squares(found, mean, project * (self.drawn_weight / 4))
        return found, np.sqrt(squares / spare / n)

    def _sums(self) -> tuple[int, Array, Array]:
        """Return how many pairs are drawn, the products of their signs, and the moment of signs and worth."""
        n, products, moment = 0, np.zeros((self.count, self.count)), np.zeros(self.count)
        for members, apart in self.pairs:
            n += len(members)
            # single precision counts so few exactly
            for h, v in _signs(members, apart, np.float32):
                products += h.T @ h
                moment += v @ h
        return n, products, moment

    def _squares(self, found: Array, mean: Array, carry: Array) -> Array:
        """Return the sandwich's sums of squares: the drawn pairs' residual moments about their mean, carried through."""
        out, middle = np.zeros(self.count), mean @ carry
        for members, apart in self.pairs:
            for h, v in _signs(members, apart):
                moved = h @ carry
                moved *= (v - h @ found)[:, None]
                moved -= middle
                out += np.einsum("ij,ij->j", moved, moved)
        return out


def _signs(members: Array, worth: Array, kind: type = np.float64) -> Iterator[tuple[Array, Array]]:
    """Yield coalitions in blocks of rows, 1 for a member and -1 for the others, with the worth of each."""
    for at in range(0, len(members), ROWS):
        h: Array = members[at : at + ROWS].astype(kind)
        h *= 2
        h -= 1
        yield h, worth[at : at + ROWS]


def draw_pairs(rng: np.random.Generator, count: int, sizes: Array, number: int) -> Array:
    """Draw coalitions by the Shapley kernel among these sizes; a complement belongs to each."""
    weight = size_weights(count)[sizes - 1]
    size = rng.choice(sizes, number, p=weight / weight.sum())
    members = np.empty((number, count), bool)
    for at in range(0, number, ROWS):
        block = members[at : at + ROWS]
        lots = rng.random(block.shape)
        # the groups with the smallest lots are in
        np.less(lots, np.take_along_axis(np.sort(lots, 1), size[at : at + ROWS, None], 1), out=block)
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
