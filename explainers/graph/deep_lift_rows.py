"""DeepLIFT through operators that weigh rows of values against each other: softmax and normalisation, by their steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .build import dimensions

if TYPE_CHECKING:
    from .deep_lift import Differences

CLOSE = 0.1
"""Where exponents differ by less, the mean of their exponentials comes from a series, to 1e-7."""


def log_mean(op: Any, a: Any, b: Any, high: Any) -> Any:
    """Return (e^a - e^b) / (a - b), both over e^high: between the two exponentials, and never zero over zero."""
    d = op.Sub(a, b)
    close = op.Less(op.Abs(d), CLOSE)
    series = op.Mul(
        op.Exp(op.Sub(op.Mul(op.Add(a, b), 0.5), high)), op.Add(op.Mul(op.Mul(d, d), 1 / 24), 1.0)
    )
    apart = op.Div(op.Sub(op.Exp(op.Sub(a, high)), op.Exp(op.Sub(b, high))), op.Where(close, 1.0, d))
    return op.Where(close, series, apart)


def softmax_rule(diff: Differences, *, log: bool) -> Callable[..., Any]:
    """Softmax as exp(a), a = x - log-sum-exp(x), each step complete; rows are centred first.

    The log-sum-exp's multipliers are logarithmic means (rescale through exp, sum and log): positive, in sum at most 1.
    """

    def rule(op: Any, g: Any, _y: Any, x: Any, *, axis: int = -1) -> Any:
        here, there = (op.Sub(v, op.ReduceMean(v, [axis], keepdims=1)) for v in (x, diff.ref[x]))
        total, total_there = (op.ReduceLogSumExp(v, [axis], keepdims=1) for v in (here, there))
        high = op.Max(total, total_there)
        share = op.Div(log_mean(op, here, there, high), log_mean(op, total, total_there, high))
        if not log:
            a, b = op.Sub(here, total), op.Sub(there, total_there)
            g = op.Mul(g, log_mean(op, a, b, op.Mul(a, 0.0)))
        m = op.Sub(g, op.Mul(share, op.ReduceSum(g, [axis], keepdims=1)))
        return op.Sub(m, op.ReduceMean(m, [axis], keepdims=1))

    return rule


def normalisation_rule(diff: Differences, *, centred: bool) -> Callable[..., Any]:
    """Layer and RMS normalisation as a product of the (centred) values and their inverse deviation, itself rescaled."""

    def rule(
        op: Any,
        g: Any,
        _y: Any,
        x: Any,
        scale: Any,
        *rest: Any,
        axis: int = -1,
        epsilon: float = 1e-5,
        **_: Any,
    ) -> Any:
        rank = len(dimensions(x) or [])
        over = list(range(axis % rank, rank))
        pair = [op.Sub(v, op.ReduceMean(v, over, keepdims=1)) if centred else v for v in (x, diff.ref[x])]
        deviations = [op.Sqrt(op.Add(op.ReduceMean(op.Mul(c, c), over, keepdims=1), epsilon)) for c in pair]
        mean = op.Mul(op.Add(*pair), 0.5)
        inverse = op.Mul(op.Add(*(op.Reciprocal(s) for s in deviations)), 0.5)
        # 1/s - 1/s' = -(s^2 - s'^2) / (s s' (s + s')), and s^2 - s'^2 is the mean of 2 mean(c) dc
        slope = op.Neg(op.Div(2.0, op.Mul(op.Mul(*deviations), op.Add(*deviations))))
        arriving = op.Mul(g, scale)
        along = op.ReduceMean(op.Mul(arriving, mean), over, keepdims=1)
        m = op.Add(op.Mul(arriving, inverse), op.Mul(op.Mul(mean, slope), along))
        m = op.Sub(m, op.ReduceMean(m, over, keepdims=1)) if centred else m
        return [m, None, *[None] * len(rest)]

    return rule
