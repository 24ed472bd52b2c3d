"""Element-wise operators: arithmetic with broadcasting, and activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph.table import no_derivative, rules, vjp

# ---- arithmetic, broadcasting ------------------------------------------------------------------------------------

rules({
    "Add": lambda op, g, y, a, b: (g, g),
    "Sub": lambda op, g, y, a, b: (g, lambda: op.Neg(g)),
    "Mul": lambda op, g, y, a, b: (lambda: op.Mul(g, b), lambda: op.Mul(g, a)),
    "Div": lambda op, g, y, a, b: (lambda: op.Div(g, b), lambda: op.Neg(op.Div(op.Mul(g, y), b))),
    "Sum": lambda op, g, y, *xs: [g for _ in xs],
    "Mean": lambda op, g, y, *xs: [op.Mul(g, 1 / len(xs)) for _ in xs],
    "Where": lambda op, g, y, c, a, b: (None, lambda: op.Where(c, g, _zero(op, g)), lambda: op.Where(c, _zero(op, g), g)),
}, broadcasts=True)


def _zero(op: Any, g: Any) -> Any:
    return op.constant(np.zeros((), g.dtype.numpy()))


@vjp("Pow", broadcasts=True)
def pow_(op: Any, g: Any, y: Any, a: Any, b: Any) -> Any:
    b = b if b.dtype == a.dtype else op.CastLike(b, a)

    def to_exponent() -> Any:
        # 0^b has derivative 0 in b where b > 0; log of a negative base has no real value
        positive = op.Greater(a, 0.0)
        return op.Mul(g, op.Where(positive, op.Mul(y, op.Log(op.Where(positive, a, 1.0))), op.Mul(y, 0.0)))

    return lambda: op.Mul(g, op.Mul(b, op.Pow(a, op.Sub(b, 1.0)))), to_exponent


@vjp("PRelu", broadcasts=True)
def p_relu(op: Any, g: Any, y: Any, x: Any, slope: Any) -> Any:
    negative = op.Less(x, 0.0)
    return (lambda: op.Where(negative, op.Mul(g, slope), g), lambda: op.Where(negative, op.Mul(g, x), op.Mul(g, 0.0)))


def _share(op: Any, g: Any, y: Any, xs: Any) -> Any:
    """At a tie the first of the equal inputs takes all."""
    out, taken = [], None
    for x in xs:
        hit = op.Equal(x, y)
        free = hit if taken is None else op.And(hit, op.Not(taken))
        taken = hit if taken is None else op.Or(taken, hit)
        out.append(op.Where(free, g, op.Mul(g, 0.0)))
    return out


rules({
    "Max": lambda op, g, y, *xs: _share(op, g, y, xs),
    "Min": lambda op, g, y, *xs: _share(op, g, y, xs),
}, broadcasts=True)

# ---- one tensor in, one out: g times the derivative ----------------------------------------------------------------

_SQRT_PI = math.sqrt(math.pi)


def _within(op: Any, g: Any, *conditions: Any) -> Any:
    mask = conditions[0]
    for c in conditions[1:]:
        mask = op.And(mask, c)
    return op.Mul(g, op.Cast(mask, to=int(g.dtype)))


rules({
    "Identity": lambda op, g, y, x: g,
    "Neg": lambda op, g, y, x: op.Neg(g),
    "Abs": lambda op, g, y, x: op.Mul(g, op.Sign(x)),
    "Exp": lambda op, g, y, x: op.Mul(g, y),
    "Log": lambda op, g, y, x: op.Div(g, x),
    "Sqrt": lambda op, g, y, x: op.Div(op.Mul(g, 0.5), y),
    "Reciprocal": lambda op, g, y, x: op.Neg(op.Mul(g, op.Mul(y, y))),
    "Erf": lambda op, g, y, x: op.Mul(g, op.Mul(op.Exp(op.Neg(op.Mul(x, x))), 2 / _SQRT_PI)),
    "Sin": lambda op, g, y, x: op.Mul(g, op.Cos(x)),
    "Cos": lambda op, g, y, x: op.Neg(op.Mul(g, op.Sin(x))),
    "Tan": lambda op, g, y, x: op.Mul(g, op.Add(op.Mul(y, y), 1.0)),
    "Asin": lambda op, g, y, x: op.Div(g, op.Sqrt(op.Sub(1.0, op.Mul(x, x)))),
    "Acos": lambda op, g, y, x: op.Neg(op.Div(g, op.Sqrt(op.Sub(1.0, op.Mul(x, x))))),
    "Atan": lambda op, g, y, x: op.Div(g, op.Add(op.Mul(x, x), 1.0)),
    "Sinh": lambda op, g, y, x: op.Mul(g, op.Cosh(x)),
    "Cosh": lambda op, g, y, x: op.Mul(g, op.Sinh(x)),
    "Asinh": lambda op, g, y, x: op.Div(g, op.Sqrt(op.Add(op.Mul(x, x), 1.0))),
    "Acosh": lambda op, g, y, x: op.Div(g, op.Sqrt(op.Sub(op.Mul(x, x), 1.0))),
    "Atanh": lambda op, g, y, x: op.Div(g, op.Sub(1.0, op.Mul(x, x))),
    # y >= 0, so its sign is the indicator of x > 0; the subgradient at 0 is 0
    "Relu": lambda op, g, y, x: op.Mul(g, op.Sign(y)),
    "Sigmoid": lambda op, g, y, x: op.Mul(g, op.Mul(y, op.Sub(1.0, y))),
    "Tanh": lambda op, g, y, x: op.Mul(g, op.Sub(1.0, op.Mul(y, y))),
    "Softplus": lambda op, g, y, x: op.Mul(g, op.Sigmoid(x)),
    "Softsign": lambda op, g, y, x: op.Div(g, op.Mul(op.Add(op.Abs(x), 1.0), op.Add(op.Abs(x), 1.0))),
    "LeakyRelu": lambda op, g, y, x, alpha=0.01: op.Where(op.Greater(x, 0.0), g, op.Mul(g, alpha)),
    "ThresholdedRelu": lambda op, g, y, x, alpha=1.0: _within(op, g, op.Greater(x, alpha)),
    "Elu": lambda op, g, y, x, alpha=1.0: op.Where(op.Greater(x, 0.0), g, op.Mul(g, op.Add(y, alpha))),
    "Celu": lambda op, g, y, x, alpha=1.0:
        op.Where(op.Greater(x, 0.0), g, op.Mul(g, op.Exp(op.Div(op.Min(x, 0.0), alpha)))),
    "Selu": lambda op, g, y, x, alpha=1.6732632423543772, gamma=1.0507009873554805:
        op.Where(op.Greater(x, 0.0), op.Mul(g, gamma), op.Mul(g, op.Add(y, alpha * gamma))),
    "HardSigmoid": lambda op, g, y, x, alpha=0.2, beta=0.5:
        op.Mul(_within(op, g, op.Greater(y, 0.0), op.Less(y, 1.0)), alpha),
    "HardSwish": lambda op, g, y, x: op.Mul(
        g, op.Add(op.Clip(op.Add(op.Div(x, 6.0), 0.5), 0.0, 1.0),
                  _within(op, op.Div(x, 6.0), op.Greater(x, -3.0), op.Less(x, 3.0)))),
    "Mish": lambda op, g, y, x: _mish(op, g, x),
})


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
    inside = [op.GreaterOrEqual(x, low)] if low is not None else []
    inside += [op.LessOrEqual(x, high)] if high is not None else []
    gx = _within(op, g, *inside) if inside else g

    def at(bound: Any, hit: Any) -> Any:
        return op.ReduceSum(op.Mul(g, op.Cast(hit, to=int(g.dtype))), keepdims=0) if bound is not None else None

    to_low = None if low is None else lambda: at(low, op.Less(x, low))
    to_high = None if high is None else lambda: at(high, op.Greater(x, high))
    return gx, to_low, to_high


vjp("Cast")(lambda op, g, y, x, **_: op.Cast(g, to=int(x.dtype)))
vjp("CastLike")(lambda op, g, y, x, like, **_: (op.Cast(g, to=int(x.dtype)), None))

# ---- no derivative -------------------------------------------------------------------------------------------------

no_derivative(
    "rounds to whole steps: the derivative is 0 wherever it exists",
    "Ceil", "Floor", "Round", "Sign",
)
no_derivative(
    "compares or decides: its output is piecewise constant",
    "And", "Or", "Xor", "Not", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "IsInf", "IsNaN",
    "ArgMax", "ArgMin", "NonZero", "NonMaxSuppression", "Unique",
)
