"""Pools over windows and over all of space."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.build import dimensions
from ..graph.table import vjp
from .windows import Window, spatial, window


@vjp("MaxPool", outputs="all")
def max_pool(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    *,
    kernel_shape: Any,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Any = None,
    pads: Any = None,
    storage_order: int = 0,
    strides: Any = None,
) -> Any:
    """The winner takes all, by the switches of the forward pass; at a tie the runtime's choice, the first."""
    if storage_order == 0:
        switches = op.output(y[0], 1)
    else:
        _, switches = op.MaxPool(
            x,
            outputs=2,
            kernel_shape=kernel_shape,
            auto_pad=auto_pad,
            ceil_mode=ceil_mode,
            dilations=dilations,
            pads=pads,
            strides=strides,
        )
    zeros = op.Reshape(op.zeros_like(x), [-1])
    flat = op.ScatterElements(
        zeros, op.Reshape(switches, [-1]), op.Reshape(g[0], [-1]), axis=0, reduction="add"
    )
    return op.reshape_like(flat, x)


@vjp("AveragePool")
def average_pool(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    *,
    kernel_shape: Any,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Any = None,
    pads: Any = None,
    strides: Any = None,
) -> Any:
    """Every cell of a window receives its share."""
    win = window(x, kernel_shape, strides, dilations, pads, auto_pad)
    return spread(op, op.Div(g, _counts(op, g, x, y, win, bool(count_include_pad))), x, y, win)


def _counts(op: Any, g: Any, x: Any, y: Any, win: Window, include_pad: bool) -> Any:
    """Return how many cells each window averages, as a number or as a map over space."""
    if not any(win.pads) and not _overhang(x, y, win):
        return float(np.prod(win.kernel))
    d = len(win.kernel)
    counts = np.ones([1] * (d + 2))
    for axis, (n, o) in enumerate(zip(spatial(x, d), spatial(y, d), strict=True)):
        start = np.arange(o) * win.strides[axis] - win.begin[axis]
        cells = start[:, None] + np.arange(win.kernel[axis]) * win.dilations[axis]
        low, high = (-win.begin[axis], n + win.end[axis]) if include_pad else (0, n)
        along = ((cells >= low) & (cells < high)).sum(1)
        counts = counts * along.reshape([-1 if i == axis + 2 else 1 for i in range(d + 2)])
    return op.constant(counts.astype(g.dtype.numpy()))


def _overhang(x: Any, y: Any, win: Window) -> bool:
    """Say whether the last window reaches over the end (ceil_mode)."""
    lengths, out = dimensions(x) or [], dimensions(y) or []
    pairs = zip(lengths[2:], out[2:], win.strides, win.spans, strict=False)
    return any(
        isinstance(n, int) and isinstance(o, int) and (o - 1) * s + span > n for n, o, s, span in pairs
    )


def spread(op: Any, g: Any, x: Any, y: Any, win: Window) -> Any:
    """Add each value of g to all cells of its window in x's shape."""
    d = len(win.kernel)
    if win.kernel == win.strides and set(win.dilations) == {1} and not any(win.pads) and _tiles(x, win):
        return _repeat(op, g, x, win)
    channels = (dimensions(x) or [None, None])[1]
    if not isinstance(channels, int):
        raise ValueError(f"the number of channels of {x.name!r} must be known")
    lengths, out = spatial(x, d), spatial(y, d)
    ones = op.constant(np.ones([channels, 1, *win.kernel], g.dtype.numpy()))
    full = op.ConvTranspose(g, ones, strides=win.strides, dilations=win.dilations, group=channels)
    reach = [s * (o - 1) + span for s, o, span in zip(win.strides, out, win.spans, strict=True)]
    missing = [max(0, b + n - r) for b, n, r in zip(win.begin, lengths, reach, strict=True)]
    if any(missing):
        full = op.Pad(full, [0] * (d + 4) + missing)
    end = [b + n for b, n in zip(win.begin, lengths, strict=True)]
    return op.Slice(full, win.begin, end, list(range(2, 2 + d)))


def _tiles(x: Any, win: Window) -> bool:
    lengths = (dimensions(x) or [])[2:]
    return all(isinstance(n, int) and n % k == 0 for n, k in zip(lengths, win.kernel, strict=True))


def _repeat(op: Any, g: Any, x: Any, win: Window) -> Any:
    """Windows that tile the input: each value repeated over its tile."""
    d = len(win.kernel)
    lengths = spatial(x, d)
    cells = [n // k for n, k in zip(lengths, win.kernel, strict=True)]
    channels = (dimensions(x) or [])[1]
    apart = [v for c in cells for v in (c, 1)]
    tiled = [v for c, k in zip(cells, win.kernel, strict=True) for v in (c, k)]
    g = op.Reshape(g, [-1, channels, *apart])
    return op.Reshape(op.Expand(g, [1, 1, *tiled]), [-1, channels, *lengths])


@vjp("GlobalAveragePool")
def global_average_pool(op: Any, g: Any, y: Any, x: Any) -> Any:
    dims = (dimensions(x) or [])[2:]
    lengths = [n for n in dims if isinstance(n, int)]
    if dims and len(lengths) == len(dims):
        return op.expand_like(op.Mul(g, 1 / float(np.prod(lengths))), x)
    count = op.Div(op.Size(x), op.Size(g))
    return op.expand_like(op.Div(g, op.CastLike(count, g)), x)


@vjp("GlobalMaxPool")
def global_max_pool(op: Any, g: Any, y: Any, x: Any) -> Any:
    """The first of the greatest takes all."""
    flat = op.Reshape(x, [0, 0, -1])
    winner = op.ArgMax(flat, axis=2, keepdims=1)
    zeros = op.Mul(flat, 0.0)
    return op.reshape_like(op.ScatterElements(zeros, winner, op.Reshape(g, [0, 0, 1]), axis=2), x)
