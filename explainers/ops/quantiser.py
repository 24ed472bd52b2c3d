"""Quantisers: derivative 1 inside the representable range, 0 where they clip."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.build import dimensions
from ..graph.table import vjp


def along(op: Any, v: Any, x: Any, axis: int, block: int = 0) -> Any:
    """Return a scale or zero point, one per tensor, axis or block, shaped so that it broadcasts over x."""
    if block:
        length = (dimensions(x) or [])[axis]
        if not isinstance(length, int):
            raise ValueError(
                f"the length of axis {axis} of {x.name!r}, which is quantised in blocks, must be known"
            )
        return op.Gather(v, np.arange(length) // block, axis=axis)
    rank, own = len(dimensions(x) or []), len(dimensions(v) or [])
    if own != 1 or ((dimensions(v) or [1])[0] == 1 and rank != 1):
        return op.Reshape(v, []) if own == 1 else v
    return op.Unsqueeze(v, [i for i in range(rank) if i != axis % rank]) if rank > 1 else v


@vjp("QuantizeLinear")
def quantize_linear(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    scale: Any,
    zero: Any = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    **_: Any,
) -> Any:
    """g arrives in units of the quantised steps; it passes where round(x / scale) + zero is representable."""
    scale_x = along(op, scale, x, axis, block_size)
    steps = op.Div(x, scale_x)
    kind = y.dtype
    low, high = (float(kind.min), float(kind.max))
    if zero is not None:
        steps = op.Add(steps, along(op, op.CastLike(zero, x), x, axis, block_size))
    inside = op.And(op.GreaterOrEqual(steps, low - 0.5), op.LessOrEqual(steps, high + 0.5))
    return op.Div(op.Mul(g, op.CastLike(inside, g)), scale_x), None, None


@vjp("DequantizeLinear")
def dequantize_linear(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    scale: Any,
    zero: Any = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    **_: Any,
) -> Any:
    """y = (x - zero) scale, so g passes times the scale; between quantiser and dequantiser it is a float."""
    return op.Mul(g, along(op, scale, x, axis, block_size)), None, None


@vjp("DynamicQuantizeLinear")
def dynamic_quantize_linear(op: Any, g: Any, y: Any, x: Any) -> Any:
    """The range is the tensor's own, so nothing clips; that scale and zero point move with x is left out."""
    return op.Div(g, op.output(y, 1))
