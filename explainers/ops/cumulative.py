"""Running sums and products, and ranges."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.build import dimensions
from ..graph.table import rules, vjp

rules(
    {
        "CumSum": lambda op, g, y, x, axis, exclusive=0, reverse=0: (
            op.CumSum(g, axis, exclusive=exclusive, reverse=1 - reverse),
            None,
        ),
        # the number of steps is whole; start and step move all values
        "Range": lambda op, g, y, start, limit, delta, **_: (
            lambda: op.ReduceSum(g, keepdims=0),
            None,
            lambda: op.ReduceSum(op.Mul(g, op.CastLike(_count(op, op.Size(g)), g)), keepdims=0),
        ),
    }
)


def _count(op: Any, n: Any) -> Any:
    return op.Range(np.array(0, np.int64), n, np.array(1, np.int64))


@vjp("CumProd")
def cum_prod(op: Any, g: Any, y: Any, x: Any, axis: Any, *, exclusive: int = 0, reverse: int = 0) -> Any:
    """For each factor the running products without it, exact with zeros: n products of n factors along the axis."""
    rank = len(dimensions(x) or [])
    if axis.const_value is None:
        raise ValueError(f"the axis of the running product of {x.name!r} must be known")
    at = int(axis.const_value.numpy().reshape(-1)[0]) % rank
    order = [*(i for i in range(rank) if i != at), at]
    steps = _count(op, op.Squeeze(op.Slice(op.Shape(x), [at], [at + 1]), [0]))
    row, column = op.Unsqueeze(steps, [1]), op.Unsqueeze(steps, [0])
    without = op.Where(op.Equal(row, column), 1.0, op.Unsqueeze(op.Transpose(x, perm=order), [-2]))
    products = _running_product(op, without, exclusive, reverse)
    compare = {(0, 0): op.LessOrEqual, (1, 0): op.Less, (0, 1): op.GreaterOrEqual, (1, 1): op.Greater}[
        exclusive, reverse
    ]
    parts = op.Mul(
        op.Where(compare(row, column), products, 0.0), op.Unsqueeze(op.Transpose(g, perm=order), [-2])
    )
    return op.Transpose(
        op.ReduceSum(parts, [-1], keepdims=0), perm=[order.index(i) for i in range(rank)]
    ), None


def _running_product(op: Any, v: Any, exclusive: int, reverse: int) -> Any:
    return op.CumProd(v, op.constant(np.array(-1, np.int64)), exclusive=exclusive, reverse=reverse)
