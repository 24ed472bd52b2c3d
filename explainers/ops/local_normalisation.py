"""Normalisations by a neighbourhood, a norm, or moments over chosen axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.build import dimensions
from ..graph.table import vjp


@vjp("GroupNormalization")
def group_normalization(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    scale: Any,
    bias: Any,
    *,
    num_groups: int,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Any:
    """Normalised over each group of channels, then scaled and shifted channel by channel."""
    rank = len(dimensions(x) or [])
    grouped = op.Reshape(x, [0, num_groups, -1])
    centred = op.Sub(grouped, op.ReduceMean(grouped, [2], keepdims=1))
    inverse = op.Reciprocal(
        op.Sqrt(op.Add(op.ReduceMean(op.Mul(centred, centred), [2], keepdims=1), epsilon))
    )
    normal = op.Mul(centred, inverse)

    def to_x() -> Any:
        gn = op.Reshape(
            op.Mul(g, op.Unsqueeze(scale, list(range(1, rank - 1))) if rank > 2 else scale),
            [0, num_groups, -1],
        )
        spread = op.Mul(normal, op.ReduceMean(op.Mul(gn, normal), [2], keepdims=1))
        return op.reshape_like(
            op.Mul(op.Sub(op.Sub(gn, op.ReduceMean(gn, [2], keepdims=1)), spread), inverse), x
        )

    over = [0, *range(2, rank)]
    return (
        to_x,
        lambda: op.ReduceSum(op.Mul(g, op.reshape_like(normal, x)), over, keepdims=0),
        lambda: op.ReduceSum(g, over, keepdims=0),
    )


@vjp("MeanVarianceNormalization")
def mean_variance_normalization(op: Any, g: Any, y: Any, x: Any, *, axes: Any = (0, 2, 3)) -> Any:
    """y = (x - mean) / (deviation + 1e-9)."""
    over = list(axes)
    centred = op.Sub(x, op.ReduceMean(x, over, keepdims=1))
    deviation = op.Sqrt(op.ReduceMean(op.Mul(centred, centred), over, keepdims=1))
    inverse = op.Reciprocal(op.Add(deviation, 1e-9))
    flat = op.Equal(deviation, 0.0)
    slope = op.Div(
        op.ReduceMean(op.Mul(g, op.Mul(centred, inverse)), over, keepdims=1), op.Where(flat, 1.0, deviation)
    )
    spread = op.Mul(centred, slope)
    return op.Mul(op.Sub(op.Sub(g, op.ReduceMean(g, over, keepdims=1)), spread), inverse)


@vjp("LRN")
def lrn(
    op: Any, g: Any, y: Any, x: Any, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Any:
    """y = x s^-beta with s = bias + alpha / size times the sum of squares over neighbouring channels: two band matrices."""
    channels = (dimensions(x) or [None, None])[1]
    if not isinstance(channels, int):
        raise ValueError(f"the number of channels of {x.name!r} must be known")
    near = np.arange(channels)[None, :] - np.arange(channels)[:, None]
    band = ((near >= -((size - 1) // 2)) & (near <= size // 2)).astype(x.dtype.numpy())
    fx, fy, fg = (op.Reshape(v, [0, channels, -1]) for v in (x, y, g))
    s = op.Add(op.Mul(op.MatMul(band, op.Mul(fx, fx)), alpha / size), bias)
    back = op.MatMul(np.ascontiguousarray(band.T), op.Div(op.Mul(fg, fy), s))
    own = op.Mul(fg, op.Pow(s, -beta))
    return op.reshape_like(op.Sub(own, op.Mul(op.Mul(fx, back), 2 * alpha * beta / size)), x)


@vjp("LpNormalization")
def lp_normalization(op: Any, g: Any, y: Any, x: Any, *, axis: int = -1, p: int = 2) -> Any:
    """What points along x is taken away; 0 at the origin."""
    norm = op.ReduceL2(x, [axis], keepdims=1) if p == 2 else op.ReduceL1(x, [axis], keepdims=1)
    none = op.Equal(norm, 0.0)
    along = op.Mul(y if p == 2 else op.Sign(x), op.ReduceSum(op.Mul(g, y), [axis], keepdims=1))
    return op.Where(none, op.Mul(g, 0.0), op.Div(op.Sub(g, along), op.Where(none, 1.0, norm)))
