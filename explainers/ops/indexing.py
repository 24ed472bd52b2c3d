"""Operators that read or write where an index says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from ..graph.build import dimensions
from ..graph.table import rules, vjp
from .movement import add_to_chosen

rules(
    {
        "Gather": lambda op, g, y, x, indices, axis=0: (
            add_to_chosen(op, g, x, lambda cells: op.Gather(cells, indices, axis=axis)),
            None,
        ),
        "GatherElements": lambda op, g, y, x, indices, axis=0: (
            op.ScatterElements(op.zeros_like(x), indices, g, axis=axis, reduction="add"),
            None,
        ),
        "GatherND": lambda op, g, y, x, indices, batch_dims=0: (
            add_to_chosen(op, g, x, lambda cells: op.GatherND(cells, indices, batch_dims=batch_dims)),
            None,
        ),
        "Compress": lambda op, g, y, x, condition, axis=None: (
            add_to_chosen(op, g, x, lambda cells: op.Compress(cells, condition, axis=axis)),
            None,
        ),
        "ai.onnx.ml::ArrayFeatureExtractor": lambda op, g, y, x, indices: (
            add_to_chosen(op, g, x, lambda cells: op.Gather(cells, op.Reshape(indices, [-1]), axis=-1)),
            None,
        ),
    }
)


@vjp("TopK", outputs="all")
def top_k(
    op: Any, g: Any, y: Any, x: Any, k: Any, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> Any:
    """Each value goes back to where it was found; at a tie the runtime's choice, the first."""
    return op.ScatterElements(op.zeros_like(x), op.output(y[0], 1), g[0], axis=axis), None


@vjp("OneHot")
def one_hot(op: Any, g: Any, y: Any, indices: Any, depth: Any, values: Any, *, axis: int = -1) -> Any:
    """The two values, off and on, collect what arrives where they stand."""
    dtype = (g.dtype or ir.DataType.FLOAT).numpy()
    on = op.OneHot(indices, depth, op.constant(np.array([0, 1], dtype)), axis=axis)
    hot = op.ReduceSum(op.Mul(g, on), keepdims=0)
    return (
        None,
        None,
        lambda: op.Concat(
            *(op.Reshape(v, [1]) for v in (op.Sub(op.ReduceSum(g, keepdims=0), hot), hot)), axis=0
        ),
    )


# ---- scatter ---------------------------------------------------------------------------------------------------------

Take = Callable[[Any], Any]
Put = Callable[[Any, Any, str], Any]


@vjp("ScatterElements")
def scatter_elements(
    op: Any, g: Any, y: Any, x: Any, indices: Any, updates: Any, *, axis: int = 0, reduction: str = "none"
) -> Any:
    return _scatter(
        op,
        g,
        y,
        x,
        updates,
        reduction,
        lambda v: op.GatherElements(v, indices, axis=axis),
        lambda v, u, how: op.ScatterElements(v, indices, u, axis=axis, reduction=how),
    )


@vjp("ScatterND")
def scatter_nd(
    op: Any, g: Any, y: Any, x: Any, indices: Any, updates: Any, *, reduction: str = "none"
) -> Any:
    return _scatter(
        op,
        g,
        y,
        x,
        updates,
        reduction,
        lambda v: op.GatherND(v, indices),
        lambda v, u, how: op.ScatterND(v, indices, u, reduction=how),
    )


def _scatter(op: Any, g: Any, y: Any, x: Any, updates: Any, reduction: str, take: Take, put: Put) -> Any:
    if reduction == "add":
        return g, None, lambda: take(g)
    if reduction == "mul":
        return _scatter_mul(op, g, x, updates, take, put)
    if reduction in ("max", "min"):
        return _scatter_winner(op, g, y, x, updates, take, put)
    return lambda: put(g, op.zeros_like(updates), "none"), None, lambda: take(g)


def _scatter_mul(op: Any, g: Any, x: Any, updates: Any, take: Take, put: Put) -> Any:
    """Each factor receives the product of the others; right with one zero or several."""

    def numbers(condition: Any) -> Any:
        return op.Cast(condition, to=int(g.dtype))

    no_x, no_u = op.Equal(x, 0.0), op.Equal(updates, 0.0)
    safe_x, safe_u = op.Where(no_x, 1.0, x), op.Where(no_u, 1.0, updates)
    rest = op.Mul(g, put(safe_x, safe_u, "mul"))
    zeros = put(numbers(no_x), numbers(no_u), "add")

    def share(total: Any, own: Any, count: Any, safe: Any) -> Any:
        others = op.Sub(count, numbers(own))
        return op.Mul(op.Div(total, safe), numbers(op.Less(others, 0.5)))

    return (
        lambda: share(rest, no_x, zeros, safe_x),
        None,
        lambda: share(take(rest), no_u, take(zeros), safe_u),
    )


def _scatter_winner(op: Any, g: Any, y: Any, x: Any, updates: Any, take: Take, put: Put) -> Any:
    """At a tie the data takes all; equal updates share."""

    def numbers(condition: Any) -> Any:
        return op.Cast(condition, to=int(g.dtype))

    kept = op.Equal(x, y)

    def to_updates() -> Any:
        won = numbers(
            op.And(op.Equal(updates, take(y)), op.Not(op.Cast(take(numbers(kept)), to=int(ir.DataType.BOOL))))
        )
        count = op.Max(take(put(op.zeros_like(x), won, "add")), 1.0)
        return op.Div(op.Mul(take(g), won), count)

    return lambda: op.Mul(g, numbers(kept)), None, to_updates


@vjp("TensorScatter")
def tensor_scatter(
    op: Any,
    g: Any,
    y: Any,
    cache: Any,
    update: Any,
    starts: Any = None,
    *,
    axis: int = -2,
    mode: str = "linear",
) -> Any:
    """What the update overwrites receives nothing; the update receives what stands in its place."""
    rank = len(dimensions(cache) or [])
    axis %= rank
    length = op.Squeeze(op.Slice(op.Shape(update), [axis], [axis + 1]), [0])
    steps = op.Range(np.array(0, np.int64), length, np.array(1, np.int64))
    where = op.Unsqueeze(steps, [i for i in range(rank) if i != axis])
    if starts is not None:
        where = op.Add(op.Unsqueeze(starts, list(range(1, rank))), where)
    if mode == "circular":
        where = op.Mod(where, op.Slice(op.Shape(cache), [axis], [axis + 1]))
    where = op.Expand(where, op.shape(update))
    return (
        lambda: op.ScatterElements(g, where, op.zeros_like(update), axis=axis),
        lambda: op.GatherElements(g, where, axis=axis),
        None,
    )
