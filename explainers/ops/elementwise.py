"""Element-wise operators: arithmetic with broadcasting, and activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph.table import rules, vjp


def _zero(op: Any, g: Any) -> Any:
    return op.constant(np.zeros((), g.dtype.numpy()))


def over(op: Any, g: Any, v: Any) -> Any:
    """Return g / v, and 0 where g is 0 and so is v: a masked branch sends zeros, not NaN."""
    return op.Div(g, op.Where(op.Equal(g, 0.0), 1.0, v))


def _quotient(op: Any, g: Any, y: Any, a: Any, b: Any) -> Any:
    share = op.Div(g, b) if b.const_value is not None else over(op, g, b)
    return share, lambda: op.Neg(op.Mul(share, op.Div(a, b) if b.const_value is not None else y))


# ---- arithmetic, broadcasting ------------------------------------------------------------------------------------

rules(
    {
        "Add": lambda op, g, y, a, b: (g, g),
        "Sub": lambda op, g, y, a, b: (g, lambda: op.Neg(g)),
        "Mul": lambda op, g, y, a, b: (lambda: op.Mul(g, b), lambda: op.Mul(g, a)),
        "Div": _quotient,
        # a - y is a whole multiple of b
        "Mod": lambda op, g, y, a, b, fmod=0: (
            g,
            lambda: op.Where(op.Equal(g, 0.0), g, op.Mul(g, op.Round(op.Div(op.Sub(y, a), b)))),
        ),
        "Sum": lambda op, g, y, *xs: [g for _ in xs],
        "Mean": lambda op, g, y, *xs: [op.Mul(g, 1 / len(xs)) for _ in xs],
        "Where": lambda op, g, y, c, a, b: (
            None,
            lambda: op.Where(c, g, _zero(op, g)),
            lambda: op.Where(c, _zero(op, g), g),
        ),
    },
    broadcasts=True,
)


@vjp("Pow", broadcasts=True)
def pow_(op: Any, g: Any, y: Any, a: Any, b: Any) -> Any:
    """At a zero base: 0 where the derivative is infinite (0 < b < 1) or b is 0."""
    exponent = b.const_value.numpy() if b.const_value is not None else None
    if exponent is not None and (exponent == 2).all():
        return op.Mul(g, op.Mul(a, 2.0)), None
    b = b if b.dtype == a.dtype else op.CastLike(b, a)

    def to_base() -> Any:
        slope = op.Mul(b, op.Pow(a, op.Sub(b, 1.0)))
        if exponent is not None and (exponent >= 1).all():
            return op.Mul(g, slope)
        steep = op.And(op.Equal(a, 0.0), op.Less(b, 1.0))
        return op.Mul(g, op.Where(steep, op.Mul(g, 0.0), slope))

    def to_exponent() -> Any:
        # 0^b has derivative 0 in b where b > 0; log of a negative base has no real value
        positive = op.Greater(a, 0.0)
        return op.Mul(g, op.Where(positive, op.Mul(y, op.Log(op.Where(positive, a, 1.0))), _zero(op, g)))

    return to_base, to_exponent


@vjp("PRelu", broadcasts=True)
def p_relu(op: Any, g: Any, y: Any, x: Any, slope: Any) -> Any:
    negative = op.Less(x, 0.0)
    return (
        lambda: op.Where(negative, op.Mul(g, slope), g),
        lambda: op.Where(negative, op.Mul(g, x), op.Mul(g, 0.0)),
    )


def _share(op: Any, g: Any, y: Any, xs: Any) -> Any:
    """At a tie the first of the equal inputs takes all."""
    out, taken = [], None
    for x in xs:
        hit = op.Equal(x, y)
        free = hit if taken is None else op.And(hit, op.Not(taken))
        taken = hit if taken is None else op.Or(taken, hit)
        out.append(op.Where(free, g, op.Mul(g, 0.0)))
    return out


rules(
    {"Max": lambda op, g, y, *xs: _share(op, g, y, xs), "Min": lambda op, g, y, *xs: _share(op, g, y, xs)},
    broadcasts=True,
)

STEEP = float(np.finfo(np.float32).max)


def step(op: Any, v: Any) -> Any:
    """Return 1 where v > 0 and 0 where v = 0; v is never negative.

    One saturated HardSigmoid, exact for every normal float32: on the CPU it takes a quarter of the time of Sign,
    and half of a comparison with its Cast.
    """
    if v.dtype is not None and v.dtype.numpy() == np.float64:
        # the runtime has no HardSigmoid of doubles
        return op.Sign(v)
    return op.HardSigmoid(v, alpha=STEEP, beta=0.0)


# ---- one tensor in, one out: g times the derivative ----------------------------------------------------------------

_SQRT_PI = math.sqrt(math.pi)


def _within(op: Any, g: Any, *conditions: Any) -> Any:
    mask = conditions[0]
    for c in conditions[1:]:
        mask = op.And(mask, c)
    return op.Mul(g, op.Cast(mask, to=int(g.dtype)))


rules(
    {
        "Identity": lambda op, g, y, x: g,
        "Neg": lambda op, g, y, x: op.Neg(g),
        "Abs": lambda op, g, y, x: op.Mul(g, op.Sign(x)),
        "Exp": lambda op, g, y, x: op.Mul(g, y),
        "Log": lambda op, g, y, x: over(op, g, x),
        # infinitely steep at 0: there 0 is taken, as for a norm at its origin
        "Sqrt": lambda op, g, y, x: op.Where(op.Equal(y, 0.0), _zero(op, g), op.Div(op.Mul(g, 0.5), y)),
        "Reciprocal": lambda op, g, y, x: op.Neg(over(op, g, op.Mul(x, x))),
        "Erf": lambda op, g, y, x: op.Mul(g, op.Mul(op.Exp(op.Neg(op.Mul(x, x))), 2 / _SQRT_PI)),
        "Sin": lambda op, g, y, x: op.Mul(g, op.Cos(x)),
        "Cos": lambda op, g, y, x: op.Neg(op.Mul(g, op.Sin(x))),
        "Tan": lambda op, g, y, x: op.Mul(g, op.Add(op.Mul(y, y), 1.0)),
        "Asin": lambda op, g, y, x: over(op, g, op.Sqrt(op.Sub(1.0, op.Mul(x, x)))),
        "Acos": lambda op, g, y, x: op.Neg(over(op, g, op.Sqrt(op.Sub(1.0, op.Mul(x, x))))),
        "Atan": lambda op, g, y, x: op.Div(g, op.Add(op.Mul(x, x), 1.0)),
        "Sinh": lambda op, g, y, x: op.Mul(g, op.Cosh(x)),
        "Cosh": lambda op, g, y, x: op.Mul(g, op.Sinh(x)),
        "Asinh": lambda op, g, y, x: op.Div(g, op.Sqrt(op.Add(op.Mul(x, x), 1.0))),
        "Acosh": lambda op, g, y, x: over(op, g, op.Sqrt(op.Sub(op.Mul(x, x), 1.0))),
        "Atanh": lambda op, g, y, x: over(op, g, op.Sub(1.0, op.Mul(x, x))),
        "Relu": lambda op, g, y, x: op.Mul(g, step(op, y)),
        "Sigmoid": lambda op, g, y, x: op.Mul(g, op.Mul(y, op.Sub(1.0, y))),
        "Tanh": lambda op, g, y, x: op.Mul(g, op.Sub(1.0, op.Mul(y, y))),
        "Softplus": lambda op, g, y, x: op.Mul(g, op.Sigmoid(x)),
        "Softsign": lambda op, g, y, x: op.Div(g, op.Mul(op.Add(op.Abs(x), 1.0), op.Add(op.Abs(x), 1.0))),
        "LeakyRelu": lambda op, g, y, x, alpha=0.01: op.Where(op.Greater(x, 0.0), g, op.Mul(g, alpha)),
        "ThresholdedRelu": lambda op, g, y, x, alpha=1.0: _within(op, g, op.Greater(x, alpha)),
        "Elu": lambda op, g, y, x, alpha=1.0: op.Where(op.Greater(x, 0.0), g, op.Mul(g, op.Add(y, alpha))),
        "Celu": lambda op, g, y, x, alpha=1.0: op.Where(
            op.Greater(x, 0.0), g, op.Mul(g, op.Exp(op.Div(op.Min(x, 0.0), alpha)))
        ),
        "Selu": lambda op, g, y, x, alpha=1.6732632423543772, gamma=1.0507009873554805: op.Where(
            op.Greater(x, 0.0), op.Mul(g, gamma), op.Mul(g, op.Add(y, alpha * gamma))
        ),
        "HardSigmoid": lambda op, g, y, x, alpha=0.2, beta=0.5: op.Mul(
            _within(op, g, op.Greater(y, 0.0), op.Less(y, 1.0)), alpha
        ),
        "HardSwish": lambda op, g, y, x: op.Mul(
            g,
            op.Add(
                op.Clip(op.Add(op.Div(x, 6.0), 0.5), 0.0, 1.0),
                _within(op, op.Div(x, 6.0), op.Greater(x, -3.0), op.Less(x, 3.0)),
            ),
        ),
        "Mish": lambda op, g, y, x: _mish(op, g, x),
        "Swish": lambda op, g, y, x, alpha=1.0: op.Mul(g, _swish_slope(op, x, alpha)),
        "SwiGLU": lambda op, g, y, a, b, alpha=1.0: (
            lambda: op.Mul(op.Mul(g, b), _swish_slope(op, a, alpha)),
            lambda: op.Mul(g, op.Mul(a, op.Sigmoid(op.Mul(a, alpha)))),
        ),
        # the step at the threshold has no slope: 0 inside, 1 outside
        "Shrink": lambda op, g, y, x, bias=0.0, lambd=0.5: _within(op, g, op.Greater(op.Abs(x), lambd)),
    }
)


def _swish_slope(op: Any, x: Any, alpha: float) -> Any:
    s = op.Sigmoid(op.Mul(x, alpha))
    return op.Mul(s, op.Add(op.Mul(op.Mul(x, alpha), op.Sub(1.0, s)), 1.0))


def _mish(op: Any, g: Any, x: Any) -> Any:
    t = op.Tanh(op.Softplus(x))
    return op.Mul(g, op.Add(t, op.Mul(op.Mul(x, op.Sigmoid(x)), op.Sub(1.0, op.Mul(t, t)))))


@vjp("Gelu")
def gelu(op: Any, g: Any, y: Any, x: Any, approximate: str = "none") -> Any:
    if approximate == "none":
        cdf = op.Mul(op.Add(op.Erf(op.Mul(x, math.sqrt(0.5))), 1.0), 0.5)
        pdf = op.Mul(op.Exp(op.Mul(op.Mul(x, x), -0.5)), 1 / math.sqrt(2 * math.pi))
        return op.Mul(g, op.Add(cdf, op.Mul(x, pdf)))
    c, square = math.sqrt(2 / math.pi), op.Mul(x, x)
    t = op.Tanh(op.Mul(x, op.Add(op.Mul(square, 0.044715 * c), c)))
    slope = op.Mul(op.Mul(x, op.Sub(1.0, op.Mul(t, t))), op.Add(op.Mul(square, 3 * 0.044715 * c), c))
    return op.Mul(g, op.Mul(op.Add(op.Add(t, 1.0), slope), 0.5))


@vjp("Clip")
def clip(op: Any, g: Any, y: Any, x: Any, low: Any = None, high: Any = None) -> Any:
    """Inside the bounds the derivative is 1, on them 0, as for Relu; where they cross, the upper one is the value."""
    gx = g
    if low is not None or high is not None:
        above_low = None if low is None else op.Sub(y, low)
        below_high = None if high is None else op.Sub(high, y)
        room = [v for v in (above_low, below_high) if v is not None]
        gx = op.Mul(g, step(op, room[0] if len(room) == 1 else op.Mul(*room)))

    def at(bound: Any, hit: Any) -> Any:
        return (
            op.ReduceSum(op.Mul(g, op.Cast(hit, to=int(g.dtype))), keepdims=0) if bound is not None else None
        )

    def below() -> Any:
        return op.Less(x, low) if high is None else op.And(op.Less(x, low), op.LessOrEqual(low, high))

    def above() -> Any:
        return op.Greater(x if low is None else op.Max(x, low), high)

    to_low = None if low is None else lambda: at(low, below())
    to_high = None if high is None else lambda: at(high, above())
    return gx, to_low, to_high


vjp("Cast")(lambda op, g, y, x, **_: op.Cast(g, to=int(x.dtype)))
vjp("CastLike")(lambda op, g, y, x, like, **_: (op.Cast(g, to=int(x.dtype)), None))
