"""Normalisations and softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.build import dimensions
from ..graph.table import vjp


@vjp("BatchNormalization")
def batch_normalization(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    scale: Any,
    bias: Any,
    mean: Any,
    var: Any,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
) -> Any:
    """At inference an affine map for each channel; in training mode the batch's own moments take part."""
    rank = len(dimensions(x) or [])
    over = [0, *range(2, rank)]

    def wide(v: Any) -> Any:
        return op.Unsqueeze(v, list(range(1, rank - 1))) if rank > 2 else v

    if training_mode:
        mean = op.ReduceMean(x, over, keepdims=0)
        centred = op.Sub(x, wide(mean))
        var = op.ReduceMean(op.Mul(centred, centred), over, keepdims=0)
    inverse = op.Reciprocal(op.Sqrt(op.Add(var, epsilon)))
    normal = op.Mul(op.Sub(x, wide(mean)), wide(inverse))
    factor = wide(op.Mul(scale, inverse))

    def to_x() -> Any:
        if not training_mode:
            return op.Mul(g, factor)
        spread = op.ReduceMean(op.Mul(g, normal), over, keepdims=1)
        return op.Mul(op.Sub(op.Sub(g, op.ReduceMean(g, over, keepdims=1)), op.Mul(normal, spread)), factor)

    def to_mean() -> Any:
        return None if training_mode else op.Neg(op.ReduceSum(op.Mul(g, factor), over, keepdims=0))

    def to_var() -> Any:
        if training_mode:
            return None
        return op.Mul(
            op.ReduceSum(op.Mul(op.Mul(g, normal), factor), over, keepdims=0), op.Mul(inverse, -0.5)
        )

    return (
        to_x,
        lambda: op.ReduceSum(op.Mul(g, normal), over, keepdims=0),
        lambda: op.ReduceSum(g, over, keepdims=0),
        to_mean,
        to_var,
    )


@vjp("Softmax")
def softmax(op: Any, g: Any, y: Any, x: Any, *, axis: int = -1) -> Any:
    if _is_replaced(y):
        # a row that is masked whole is NaN, and the model replaces it: nothing flows there
        y = op.Where(op.IsNaN(y), 0.0, y)
    weighted = op.Mul(g, y)
    return op.Sub(weighted, op.Mul(y, op.ReduceSum(weighted, [axis], keepdims=1)))


def _is_replaced(y: Any) -> bool:
    return any(
        n.op_type in ("Where", "IsNaN") or (n.op_type == "Cast" and _is_replaced(n.outputs[0]))
        for n in y.consumers()
    )


@vjp("LogSoftmax")
def log_softmax(op: Any, g: Any, y: Any, x: Any, *, axis: int = -1) -> Any:
    return op.Sub(g, op.Mul(op.Exp(y), op.ReduceSum(g, [axis], keepdims=1)))


@vjp("LayerNormalization", outputs="all")
def layer_normalization(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    scale: Any,
    bias: Any = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Any:
    """The normalised values and, where they are asked for, the mean and the inverse deviation."""
    dims = dimensions(x)
    over = list(range(axis % len(dims or []), len(dims or [])))
    centred = op.Sub(x, op.ReduceMean(x, over, keepdims=1))
    inverse = op.Reciprocal(
        op.Sqrt(op.Add(op.ReduceMean(op.Mul(centred, centred), over, keepdims=1), epsilon))
    )
    normal = op.Mul(centred, inverse)
    g_mean, g_inverse = [*g[1:], None, None][:2]

    def to_x() -> Any:
        parts = []
        if g[0] is not None:
            gn = op.Mul(g[0], scale)
            spread = op.Mul(normal, op.ReduceMean(op.Mul(gn, normal), over, keepdims=1))
            parts.append(op.Mul(op.Sub(op.Sub(gn, op.ReduceMean(gn, over, keepdims=1)), spread), inverse))
        if g_mean is not None:
            parts.append(op.expand_like(op.Div(g_mean, _cells(op, x, inverse)), x))
        if g_inverse is not None:
            steep = op.Mul(op.Mul(g_inverse, inverse), op.Mul(inverse, -1.0))
            parts.append(op.Div(op.Mul(normal, steep), _cells(op, x, inverse)))
        return op.Sum(*parts) if len(parts) > 1 else parts[0]

    if g[0] is None:
        return to_x, None, None
    return (
        to_x,
        lambda: op.reduce_to(op.Mul(g[0], normal), dims, scale),
        lambda: op.reduce_to(g[0], dims, bias),
    )


def _cells(op: Any, x: Any, reduced: Any) -> Any:
    """Return how many cells of x each cell of the reduced tensor stands for."""
    return op.CastLike(op.Div(op.Size(x), op.Size(reduced)), x)


@vjp("RMSNormalization")
def rms_normalization(
    op: Any, g: Any, y: Any, x: Any, scale: Any, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    rank = len(dimensions(x) or [])
    over = list(range(axis % rank, rank))
    inverse = op.Reciprocal(op.Sqrt(op.Add(op.ReduceMean(op.Mul(x, x), over, keepdims=1), epsilon)))
    normal = op.Mul(x, inverse)

    def to_x() -> Any:
        gn = op.Mul(g, scale)
        return op.Mul(
            op.Sub(gn, op.Mul(normal, op.ReduceMean(op.Mul(gn, normal), over, keepdims=1))), inverse
        )

    return to_x, lambda: op.reduce_to(op.Mul(g, normal), dimensions(x), scale)


@vjp("InstanceNormalization")
def instance_normalization(
    op: Any, g: Any, y: Any, x: Any, scale: Any, bias: Any, *, epsilon: float = 1e-5
) -> Any:
    rank = len(dimensions(x) or [])
    over = list(range(2, rank))
    centred = op.Sub(x, op.ReduceMean(x, over, keepdims=1))
    inverse = op.Reciprocal(
        op.Sqrt(op.Add(op.ReduceMean(op.Mul(centred, centred), over, keepdims=1), epsilon))
    )
    normal = op.Mul(centred, inverse)
    wide = np.array(list(range(1, rank - 1)), np.int64)

    def to_x() -> Any:
        gn = op.Mul(g, op.Unsqueeze(scale, wide) if rank > 2 else scale)
        spread = op.Mul(normal, op.ReduceMean(op.Mul(gn, normal), over, keepdims=1))
        return op.Mul(op.Sub(op.Sub(gn, op.ReduceMean(gn, over, keepdims=1)), spread), inverse)

    return (
        to_x,
        lambda: op.ReduceSum(op.Mul(g, normal), [0, *over], keepdims=0),
        lambda: op.ReduceSum(g, [0, *over], keepdims=0),
    )
