"""Sums of products over named axes, and determinants."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from ..graph.build import dimensions
from ..graph.table import vjp


@vjp("Einsum")
def einsum(op: Any, g: Any, y: Any, *xs: Any, equation: str) -> Any:
    """Each operand receives the same sum with the output's cotangent in its place."""
    terms, out = spell_out(equation, [len(dimensions(x) or []) for x in xs])
    return [_operand_gradient(op, g, xs, terms, out, i) for i in range(len(xs))]


def spell_out(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """Return each operand's axes and the output's as letters, the ellipsis and the implicit output written out."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    spare = [c for c in string.ascii_letters if c not in equation]
    wide = max(
        (r - len(t.replace("...", "")) for t, r in zip(terms, ranks, strict=True) if "..." in t), default=0
    )
    dots = "".join(spare[:wide])
    if not arrow:
        once = sorted(c for c in set(left) - set(",.") if left.count(c) == 1)
        right = ("..." if "..." in left else "") + "".join(once)
    full = [
        t.replace("...", dots[wide - (r - len(t.replace("...", ""))) :] if "..." in t else "")
        for t, r in zip(terms, ranks, strict=True)
    ]
    return full, right.replace("...", dots)


def _operand_gradient(op: Any, g: Any, xs: Any, terms: list[str], out: str, i: int) -> Any:
    def compute() -> Any:
        own = list(dict.fromkeys(terms[i]))
        others = [(t, x) for j, (t, x) in enumerate(zip(terms, xs, strict=True)) if j != i]
        reached = [c for c in own if c in out or any(c in t for t, _ in others)]
        inputs = ",".join([out, *(t for t, _ in others)])
        part = op.Einsum(g, *(x for _, x in others), equation=f"{inputs}->{''.join(reached)}")
        return _to_shape(op, part, xs[i], terms[i], own, reached, _lengths(terms, xs))

    return compute


def _lengths(terms: list[str], xs: Any) -> dict[str, Any]:
    """Return each letter's length; an operand that broadcasts along it has 1."""
    found: dict[str, Any] = {}
    for term, x in zip(terms, xs, strict=True):
        for c, n in zip(term, dimensions(x) or [], strict=True):
            if found.get(c, 1) == 1:
                found[c] = n
    return found


def _to_shape(
    op: Any, part: Any, x: Any, term: str, own: list[str], reached: list[str], lengths: dict[str, Any]
) -> Any:
    """Sum over broadcast axes, repeat along axes that were summed away, and lay repeated letters on the diagonal."""
    dims = dict(zip(term, dimensions(x) or [], strict=True))
    shrunk = [k for k, c in enumerate(reached) if dims[c] == 1 and lengths[c] != 1]
    if shrunk:
        part = op.ReduceSum(part, shrunk, keepdims=1)
    missing = [k for k, c in enumerate(own) if c not in reached]
    if missing:
        part = op.Unsqueeze(part, missing)
    if len(own) == len(term):
        return op.expand_like(part, x) if missing else part
    return _on_diagonal(op, part, x, term, own)


def _on_diagonal(op: Any, part: Any, x: Any, term: str, own: list[str]) -> Any:
    order = sorted(range(len(term)), key=lambda k: (own.index(term[k]), k))
    first = [k for k in order if term.index(term[k]) == k]
    part = op.Unsqueeze(part, [p for p, k in enumerate(order) if k not in first])
    wide = op.Expand(op.Transpose(part, perm=[order.index(k) for k in range(len(term))]), op.shape(x))
    for k, c in enumerate(term):
        if (start := term.index(c)) != k:
            wide = op.Where(op.Equal(_along(op, x, start), _along(op, x, k)), wide, op.Mul(wide, 0.0))
    return wide


def _along(op: Any, x: Any, axis: int) -> Any:
    """Return the positions along one of x's axes, shaped to broadcast over x."""
    rank = len(dimensions(x) or [])
    length = op.Squeeze(op.Slice(op.Shape(x), [axis], [axis + 1]), [0])
    steps = op.Range(np.array(0, np.int64), length, np.array(1, np.int64))
    return op.Unsqueeze(steps, [i for i in range(rank) if i != axis])


@vjp("Det")
def det(op: Any, g: Any, y: Any, x: Any) -> Any:
    """The matrix of cofactors, each the determinant of a minor: exact for singular matrices too."""
    n = (dimensions(x) or [None])[-1]
    if not isinstance(n, int):
        raise ValueError(f"the size of the matrices {x.name!r} must be known")
    wide = op.Unsqueeze(g, [-2, -1])
    if n == 1:
        return wide
    rest = np.array([[j for j in range(n) if j != i] for i in range(n)], np.int64)
    rank = len(dimensions(x) or [])
    minors = op.Gather(op.Gather(x, rest, axis=rank - 2), rest, axis=rank)
    minors = op.Transpose(minors, perm=[*range(rank - 2), rank - 2, rank, rank - 1, rank + 1])
    signs = np.where(np.add.outer(np.arange(n), np.arange(n)) % 2, -1.0, 1.0).astype(x.dtype.numpy())
    return op.Mul(op.Mul(op.Det(minors), signs), wide)
