"""Pools over regions of interest; where a region lies is held fixed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.table import vjp
from .sampling import taps
from .windows import spatial


@vjp("RoiAlign")
def roi_align(op: Any, g: Any, y: Any, x: Any, rois: Any, batch: Any, *, coordinate_transformation_mode: str = "half_pixel",
              mode: str = "avg", output_height: int = 1, output_width: int = 1, sampling_ratio: int = 0,
              spatial_scale: float = 1.0) -> Any:
    """Average: the mean of bilinear samples is a product with one matrix per axis."""
    half = coordinate_transformation_mode == "half_pixel"
    height, width = spatial(x, 2)
    rows = _points(op, rois, 1, output_height, sampling_ratio, spatial_scale, half)
    columns = _points(op, rois, 0, output_width, sampling_ratio, spatial_scale, half)
    if mode == "max":
        return _max_align(op, g, x, batch, rows, columns), None, None
    down, across = _mean_weights(op, *rows, height), _mean_weights(op, *columns, width)
    wide = op.MatMul(g, op.Unsqueeze(across, [1]))
    return _collect(op, wide, down, x, batch, height, width), None, None


def _points(op: Any, rois: Any, first: int, bins: int, ratio: int, scale: float, half: bool) -> tuple[Any, Any]:
    """Return along one axis the sampled positions (R, bins, samples) and each one's share: 0 where a region has fewer."""
    start, end = (op.Sub(op.Mul(op.Slice(rois, [i], [i + 1], [1]), scale), 0.5 if half else 0.0) for i in (first, first + 2))
    extent = op.Sub(end, start) if half else op.Max(op.Sub(end, start), 1.0)
    size = op.Div(extent, float(bins))
    count = op.Add(op.Mul(size, 0.0), float(ratio)) if ratio > 0 else op.Max(op.Ceil(size), 1.0)
    most = op.Cast(op.ReduceMax(count, keepdims=0), to=7)
    steps = op.CastLike(op.Range(np.array(0, np.int64), most, np.array(1, np.int64)), rois)
    count3, size3, start3 = (op.Unsqueeze(v, [2]) for v in (count, size, start))
    bin_start = op.Mul(np.arange(bins).astype(rois.dtype.numpy()).reshape(1, -1, 1), size3)
    at = op.Add(op.Add(bin_start, start3), op.Div(op.Mul(op.Add(steps, 0.5), size3), count3))
    share = op.Where(op.Less(steps, count3), op.Reciprocal(count3), op.Mul(at, 0.0))
    return at, share


def _within(op: Any, at: Any, n: int) -> Any:
    """Samples more than one cell outside are 0."""
    return op.Cast(op.And(op.GreaterOrEqual(at, -1.0), op.LessOrEqual(at, float(n))), to=int(at.dtype))


def _mean_weights(op: Any, at: Any, share: Any, n: int) -> Any:
    """Return (R, bins, n): each bin's mean over its samples of the two nearest cells' weights."""
    cells = np.arange(n).astype(at.dtype.numpy())
    near = op.Unsqueeze(op.Clip(at, 0.0, n - 1.0), [3])
    hat = op.Max(op.Sub(1.0, op.Abs(op.Sub(near, cells))), 0.0)
    return op.ReduceSum(op.Mul(hat, op.Unsqueeze(op.Mul(_within(op, at, n), share), [3])), [2], keepdims=0)


def _collect(op: Any, wide: Any, down: Any, x: Any, batch: Any, height: int, width: int) -> Any:
    """Sum over the regions of each item: (R, C, bins, W) and (R, bins, H) to (N, C, H, W)."""
    items = op.Range(np.array(0, np.int64), op.Squeeze(op.Slice(op.Shape(x), [0], [1]), [0]), np.array(1, np.int64))
    own = op.Cast(op.Equal(op.Unsqueeze(op.Cast(batch, to=7), [1]), items), to=int(x.dtype))
    # (N, H, R, bins) x (R, bins, C, W)
    left = op.Mul(op.Unsqueeze(op.Transpose(own, perm=[1, 0]), [1, 3]), op.Unsqueeze(op.Transpose(down, perm=[2, 0, 1]), [0]))
    shape = op.Shape(left)
    left = op.Reshape(left, op.Concat(op.Slice(shape, [0], [2]), [-1], axis=0))
    moved = op.Transpose(wide, perm=[0, 2, 1, 3])
    right = op.Reshape(moved, op.Concat([-1], op.Mul(op.Slice(op.Shape(moved), [2], [3]), [width]), axis=0))
    out = op.Reshape(op.MatMul(left, right), [0, height, -1, width])
    return op.Transpose(out, perm=[0, 2, 1, 3])


def _max_align(op: Any, g: Any, x: Any, batch: Any, rows: Any, columns: Any) -> Any:
    """The greatest of all weighted corners takes all; at a tie the first."""
    height, width = spatial(x, 2)
    at = [_pairs(op, rows[0], columns[0], True), _pairs(op, rows[0], columns[0], False)]
    real = op.Mul(_pairs(op, rows[1], columns[1], True), _pairs(op, rows[1], columns[1], False))
    good = op.Mul(_within(op, at[0], height), _within(op, at[1], width))
    inner = [op.Clip(p, 0.0, n - 1.0) for p, n in zip(at, (height, width), strict=True)]
    flat_at = [op.Reshape(p, [0, -1]) for p in inner]
    found = taps(op, flat_at, [height, width], "linear", "border", True)
    flat = op.Gather(op.Reshape(x, [0, 0, -1]), batch, axis=0)
    weights = op.Mul(found.weights, op.Unsqueeze(op.Reshape(good, [0, -1]), [1]))
    values = op.Mul(found.read(op, flat), op.Unsqueeze(weights, [1]))
    hidden = op.Unsqueeze(op.Reshape(op.Equal(real, 0.0), [0, -1]), [1, 2])
    values = op.Where(hidden, -3e38, values)
    return _give_to_greatest(op, g, x, batch, values, weights, found.cells, op.Shape(real))


def _pairs(op: Any, a: Any, b: Any, first: bool) -> Any:
    """(R, I, S) and (R, J, T) to (R, I, J, S, T), of the first or of the second."""
    left, right = op.Unsqueeze(a, [2, 4]), op.Unsqueeze(b, [1, 3])
    return op.Add(left, op.Mul(right, 0.0)) if first else op.Add(op.Mul(left, 0.0), right)


def _give_to_greatest(op: Any, g: Any, x: Any, batch: Any, values: Any, weights: Any, cells: Any, grid: Any) -> Any:
    def by_bin(v: Any, lead: list[int]) -> Any:
        # (..., K, I J S T) -> (..., I J, S T K)
        bins = op.Concat(lead, [4], [-1], op.ReduceProd(op.Slice(grid, [3], [5]), keepdims=1), axis=0)
        split, r = op.Reshape(v, bins), len(lead)
        moved = op.Transpose(split, perm=[*range(r), r + 1, r + 2, r])
        return op.Reshape(moved, [*lead, 0, -1])

    values, weights, cells = by_bin(values, [0, 0]), by_bin(weights, [0]), by_bin(cells, [0])
    best = op.ArgMax(values, axis=3, keepdims=1)
    like = op.Concat([1], op.Slice(op.Shape(values), [1], [2]), [1, 1], axis=0)
    weight, cell = (op.Squeeze(op.GatherElements(op.Expand(op.Unsqueeze(v, [1]), like), best, axis=3), [3]) for v in (weights, cells))
    flat_g = op.Mul(op.Reshape(g, [0, 0, -1]), weight)
    flat = op.Mul(op.Reshape(x, [0, 0, -1]), 0.0)
    per_region = op.ScatterElements(op.Gather(flat, batch, axis=0), cell, flat_g, axis=2, reduction="add")
    return op.reshape_like(op.ScatterND(flat, op.Unsqueeze(batch, [1]), per_region, reduction="add"), x)
