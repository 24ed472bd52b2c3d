"""Quantisers: derivative 1 inside the representable range, 0 where they clip."""

from __future__ import annotations

from typing import Any


from ..graph.build import dimensions
from ..graph.table import vjp


def _along(op: Any, v: Any, x: Any, axis: int) -> Any:
    """Return a per-axis scale or zero point shaped so that it broadcasts over x."""
    rank, own = len(dimensions(x) or []), len(dimensions(v) or [])
    if own != 1 or (dimensions(v) or [1])[0] == 1 and rank != 1:
        return op.Reshape(v, []) if own == 1 else v
    return op.Unsqueeze(v, [i for i in range(rank) if i != axis % rank]) if rank > 1 else v


@vjp("QuantizeLinear")
def quantize_linear(op: Any, g: Any, y: Any, x: Any, scale: Any, zero: Any = None, *, axis: int = 1, **_: Any) -> Any:
    """g arrives in units of the quantised steps; it passes where round(x / scale) + zero is representable."""
    scale_x = _along(op, scale, x, axis)
    steps = op.Div(x, scale_x)
    kind = y.dtype
    low, high = (float(kind.min), float(kind.max))
    if zero is not None:
        steps = op.Add(steps, _along(op, op.CastLike(zero, x), x, axis))
    inside = op.And(op.GreaterOrEqual(steps, low - 0.5), op.LessOrEqual(steps, high + 0.5))
    return op.Div(op.Mul(g, op.CastLike(inside, g)), scale_x), None, None


@vjp("DequantizeLinear")
def dequantize_linear(op: Any, g: Any, y: Any, x: Any, scale: Any, zero: Any = None, *, axis: int = 1, **_: Any) -> Any:
    """y = (x - zero) scale, so g passes times the scale; between quantiser and dequantiser it is a float."""
    return op.Mul(g, _along(op, scale, x, axis)), None, None


