"""Pools by a p-norm over windows."""

from __future__ import annotations

from typing import Any

from ..graph.table import vjp
from .pooling import spread
from .windows import window


@vjp("LpPool")
def lp_pool(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    *,
    kernel_shape: Any,
    p: int = 2,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Any = None,
    pads: Any = None,
    strides: Any = None,
) -> Any:
    """x |x|^(p-2) / y^(p-1), and 0 where the norm is 0."""
    win = window(x, kernel_shape, strides, dilations, pads, auto_pad)
    return op.Mul(spread(op, _towards(op, g, y, p), x, y, win), _own(op, x, p))


def _towards(op: Any, g: Any, y: Any, p: int) -> Any:
    if p == 1:
        return g
    none = op.Equal(y, 0.0)
    norm = op.Where(none, 1.0, y)
    return op.Where(none, op.Mul(g, 0.0), op.Div(g, norm if p == 2 else op.Pow(norm, float(p - 1))))


def _own(op: Any, x: Any, p: int) -> Any:
    if p == 2:
        return x
    return op.Sign(x) if p == 1 else op.Mul(op.Sign(x), op.Pow(op.Abs(x), float(p - 1)))
