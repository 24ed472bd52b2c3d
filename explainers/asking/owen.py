"""Owen values: a score shared along a tree of groups; in a coalition every branch beside the own one is there whole or not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import InvalidRequest
from ..types import Array

Tree = int | list["Tree"]
"""A group, or the branches that make a node."""


def halves(first: int, count: int) -> Tree:
    """Return consecutive groups halved again and again."""
    if count == 1:
        return first
    left = count // 2
    return [halves(first, left), halves(first + left, count - left)]


def read_tree(given: Any, count: int, where: str) -> Tree:
    """Return a hierarchy as it was given, or refuse one that does not hold every group once."""
    leaves = list(_leaves(given, where))
    if sorted(leaves) != list(range(count)):
        raise InvalidRequest(
            f"the hierarchy must hold each of the groups 0 to {count - 1} once, and holds {leaves[:20]}",
            pointer=where,
        )
    tree: Tree = given
    return tree


def _leaves(node: Any, where: str) -> Iterator[int]:
    if type(node) is int:
        yield node
    elif isinstance(node, list) and node:
        for branch in node:
            yield from _leaves(branch, where)
    else:
        raise InvalidRequest("the hierarchy must be lists in lists of group numbers", pointer=where)


def size(tree: Tree, beside: int = 0) -> int:
    """Return the greatest number of coalitions that the values of a tree need."""
    if isinstance(tree, int):
        return 2 << beside
    return sum(size(branch, beside + len(tree) - 1) for branch in tree)


def coalitions(tree: Tree, count: int) -> Iterator[tuple[int, Array, Array]]:
    """Yield each group with the coalitions it may join, a row each, and their weights, which sum to 1."""
    yield from _joined(tree, np.zeros((1, count), bool), np.ones(1))


def _joined(tree: Tree, before: Array, weight: Array) -> Iterator[tuple[int, Array, Array]]:
    if isinstance(tree, int):
        yield tree, before, weight
        return
    for branch in tree:
        others = [_members(b, before.shape[1]) for b in tree if b is not branch]
        masks, shares = _beside(others, before.shape[1])
        here = (before[:, None] | masks[None]).reshape(-1, before.shape[1])
        yield from _joined(branch, here, (weight[:, None] * shares[None]).ravel())


def _beside(others: list[Array], count: int) -> tuple[Array, Array]:
    """Return every union of the branches beside one, with the weight that Shapley's formula gives it."""
    n, masks, shares = len(others) + 1, [], []
    for k in range(n):
        for chosen in itertools.combinations(others, k):
            masks.append(np.any(chosen, axis=0) if chosen else np.zeros(count, bool))
            shares.append(1 / (n * math.comb(n - 1, k)))
    return np.array(masks), np.array(shares)


def _members(tree: Tree, count: int) -> Array:
    out = np.zeros(count, bool)
    out[list(_leaves(tree, ""))] = True
    return out
