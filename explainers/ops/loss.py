"""Losses against labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.build import dimensions
from ..graph.table import vjp


@vjp("NegativeLogLikelihoodLoss")
def negative_log_likelihood_loss(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: Any = None,
    reduction: str = "mean",
) -> Any:
    hit = _hit(op, x, target, ignore_index)

    def to_weight() -> Any:
        # y = -sum w x / sum w for the mean, without the quotient otherwise
        rank = len(dimensions(x) or [])
        loss = op.Neg(op.Mul(hit, x))
        if reduction == "mean":
            loss = op.Div(op.Mul(op.Sub(loss, y), hit), _norm(op, hit, weight, x))
        return op.ReduceSum(op.Mul(loss, _spread(op, g, reduction)), [0, *range(2, rank)], keepdims=0)

    return lambda: op.Mul(_share(op, hit, weight, x, reduction), _spread(op, g, reduction)), None, to_weight


@vjp("SoftmaxCrossEntropyLoss", outputs="all")
def softmax_cross_entropy_loss(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    labels: Any,
    weights: Any = None,
    *,
    ignore_index: Any = None,
    reduction: str = "mean",
) -> Any:
    """The loss and, where it is asked for, the log-probabilities."""
    log_prob = op.LogSoftmax(x, axis=1)
    hit = _hit(op, x, labels, ignore_index)
    arrived = g[1] if len(g) > 1 else None
    if g[0] is not None:
        loss = op.Mul(_share(op, hit, weights, x, reduction), _spread(op, g[0], reduction))
        arrived = loss if arrived is None else op.Add(arrived, loss)
    gx = op.Sub(arrived, op.Mul(op.Exp(log_prob), op.ReduceSum(arrived, [1], keepdims=1)))

    def to_weights() -> Any:
        rank = len(dimensions(x) or [])
        loss = op.Neg(op.Mul(hit, log_prob))
        if reduction == "mean":
            loss = op.Div(op.Mul(op.Sub(loss, y[0]), hit), _norm(op, hit, weights, x))
        return op.ReduceSum(op.Mul(loss, _spread(op, g[0], reduction)), [0, *range(2, rank)], keepdims=0)

    return gx, None, to_weights if g[0] is not None else None


def _hit(op: Any, x: Any, target: Any, ignore_index: Any) -> Any:
    """Return 1 at each item's class and 0 elsewhere, all 0 for an item to ignore."""
    dims = dimensions(x) or []
    count = (
        op.constant(np.array(dims[1], np.int64))
        if isinstance(dims[1], int)
        else op.Squeeze(op.Slice(op.Shape(x), [1], [2]), [0])
    )
    classes = op.Range(np.array(0, np.int64), count, np.array(1, np.int64))
    wide = op.Cast(op.Unsqueeze(target, [1]), to=7)
    hit = op.Equal(op.Unsqueeze(classes, list(range(1, len(dims) - 1))) if len(dims) > 2 else classes, wide)
    if ignore_index is not None and ignore_index >= 0:
        hit = op.And(hit, op.Not(op.Equal(wide, op.constant(np.array(ignore_index, np.int64)))))
    return op.Cast(hit, to=int(x.dtype))


def _weighted(op: Any, hit: Any, weight: Any, x: Any) -> Any:
    rank = len(dimensions(x) or [])
    if weight is None:
        return hit
    return op.Mul(hit, op.Unsqueeze(weight, list(range(1, rank - 1))) if rank > 2 else weight)


def _norm(op: Any, hit: Any, weight: Any, x: Any) -> Any:
    return op.ReduceSum(_weighted(op, hit, weight, x), keepdims=0)


def _share(op: Any, hit: Any, weight: Any, x: Any, reduction: str) -> Any:
    each = op.Neg(_weighted(op, hit, weight, x))
    return op.Div(each, _norm(op, hit, weight, x)) if reduction == "mean" else each


def _spread(op: Any, g: Any, reduction: str) -> Any:
    return op.Unsqueeze(g, [1]) if reduction == "none" else g
