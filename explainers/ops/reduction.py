"""Reductions over axes, ArgMax-like choices excepted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.build import dimensions
from ..graph.table import vjp


def axes_of(x: Any, axes: Any, noop: int) -> list[int] | None:
    """Return the axes that a reduction runs over where they are known: all of them if none are named."""
    if axes is not None and axes.const_value is None and (dimensions(axes) or [None]) != [0]:
        return None
    named = (
        [int(a) for a in axes.const_value.numpy().reshape(-1)]
        if axes is not None and axes.const_value is not None
        else []
    )
    return named or ([] if noop else list(range(len(dimensions(x) or []))))


def keep(op: Any, v: Any, x: Any, axes: Any, keepdims: int, noop: int) -> Any:
    """Return v with the reduced axes put back as axes of length one."""
    if keepdims:
        return v
    known = axes_of(x, axes, noop)
    if known is None:
        return op.Unsqueeze(v, axes)
    return op.Unsqueeze(v, known) if known else v


def _count(op: Any, x: Any, y: Any, known: list[int] | None) -> Any:
    dims = dimensions(x)
    if known is not None and dims is not None and all(isinstance(dims[a], int) for a in known):
        return float(np.prod([int(dims[a] or 1) for a in known]))
    return op.Cast(op.Div(op.Size(x), op.Size(y)), to=int(x.dtype))


@vjp("ReduceSum")
def reduce_sum(
    op: Any, g: Any, y: Any, x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Any:
    return op.expand_like(keep(op, g, x, axes, keepdims, noop_with_empty_axes), x), None


@vjp("ReduceMean")
def reduce_mean(
    op: Any, g: Any, y: Any, x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Any:
    share = op.Div(g, _count(op, x, y, axes_of(x, axes, noop_with_empty_axes)))
    return op.expand_like(keep(op, share, x, axes, keepdims, noop_with_empty_axes), x), None


@vjp("ReduceMax")
def reduce_max(
    op: Any, g: Any, y: Any, x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Any:
    return winner_takes_all(op, g, y, x, axes, keepdims, noop_with_empty_axes)


@vjp("ReduceMin")
def reduce_min(
    op: Any, g: Any, y: Any, x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Any:
    return winner_takes_all(op, g, y, x, axes, keepdims, noop_with_empty_axes)


def winner_takes_all(op: Any, g: Any, y: Any, x: Any, axes: Any, keepdims: int, noop: int) -> Any:
    """Give g to the first cell, in row-major order over the reduced axes, that equals the winner y."""
    known = axes_of(x, axes, noop)
    if known is None:
        raise ValueError(f"the axes of the reduction of {x.name!r} must be known")
    g, y = (keep(op, v, x, axes, keepdims, noop) for v in (g, y))
    rank = len(dimensions(x) or [])
    reduced = sorted(a % rank for a in known)
    kept = [a for a in range(rank) if a not in reduced]
    order = [*kept, *reduced]
    hit = op.Transpose(op.Cast(op.Equal(x, y), to=int(x.dtype)), perm=order)
    moved = op.Shape(hit)
    flat = op.Reshape(hit, op.Concat(op.Slice(moved, [0], [len(kept)]), [-1], axis=0), allowzero=0)
    earlier = op.CumSum(flat, np.array(len(kept), np.int64), exclusive=1)
    first = op.Mul(flat, op.Cast(op.Less(earlier, 0.5), to=int(x.dtype)))
    back = [order.index(a) for a in range(rank)]
    return op.Mul(op.Transpose(op.Reshape(first, moved), perm=back), g), None


@vjp("ReduceProd")
def reduce_prod(
    op: Any, g: Any, y: Any, x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Any:
    """Each cell receives the product of the others, axis after axis; exact with zeros too."""
    known = axes_of(x, axes, noop_with_empty_axes)
    if known is None:
        raise ValueError(f"the axes of the reduction of {x.name!r} must be known")
    g = keep(op, g, x, axes, keepdims, noop_with_empty_axes)
    partial, stages = x, []
    for axis in known:
        stages.append((partial, axis))
        partial = op.ReduceProd(partial, [axis], keepdims=1)
    for before, axis in reversed(stages):
        g = op.Mul(g, _product_of_others(op, before, axis))
    return g, None


def _product_of_others(op: Any, x: Any, axis: int) -> Any:
    """Return, for each cell, the product along the axis without it; right with one zero or several."""
    zero = op.Cast(op.Equal(x, 0.0), to=int(x.dtype))
    zeros = op.ReduceSum(zero, [axis], keepdims=1)
    safe = op.Where(op.Equal(x, 0.0), 1.0, x)
    rest = op.ReduceProd(safe, [axis], keepdims=1)
    none = op.Cast(op.Less(zeros, 0.5), to=int(x.dtype))
    one = op.Cast(op.And(op.Greater(zeros, 0.5), op.Less(zeros, 1.5)), to=int(x.dtype))
    return op.Add(op.Mul(op.Div(rest, safe), none), op.Mul(op.Mul(rest, zero), one))


@vjp("ReduceL1")
def reduce_l1(
    op: Any, g: Any, y: Any, x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Any:
    return op.Mul(keep(op, g, x, axes, keepdims, noop_with_empty_axes), op.Sign(x)), None


@vjp("ReduceL2")
def reduce_l2(
    op: Any, g: Any, y: Any, x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Any:
    """x / |x|, and 0 at the origin."""
    g, y = (keep(op, v, x, axes, keepdims, noop_with_empty_axes) for v in (g, y))
    zero = op.Equal(y, 0.0)
    return op.Where(zero, op.Mul(x, 0.0), op.Mul(x, op.Div(g, op.Where(zero, 1.0, y)))), None


@vjp("ReduceSumSquare")
def reduce_sum_square(
    op: Any, g: Any, y: Any, x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Any:
    return op.Mul(op.Mul(x, 2.0), keep(op, g, x, axes, keepdims, noop_with_empty_axes)), None


@vjp("ReduceLogSum")
def reduce_log_sum(
    op: Any, g: Any, y: Any, x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Any:
    share = op.Mul(g, op.Exp(op.Neg(y)))
    return op.expand_like(keep(op, share, x, axes, keepdims, noop_with_empty_axes), x), None


@vjp("ReduceLogSumExp")
def reduce_log_sum_exp(
    op: Any, g: Any, y: Any, x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Any:
    g, y = (keep(op, v, x, axes, keepdims, noop_with_empty_axes) for v in (g, y))
    return op.Mul(g, op.Exp(op.Sub(x, y))), None
