"""Operators whose newest version no CPU kernel computes, in simpler ones: pools over regions, and a norm over all of space."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.sampling import taps
from ...ops.windows import spatial
from ..build import dimensions
from .expand import expansion

LOWEST = -3e38


@expansion("GlobalLpPool")
def global_lp_pool(op: Any, x: Any, *, p: int = 2) -> Any:
    """Return the p-norm of each channel."""
    over = list(range(2, len(dimensions(x) or [])))
    if p in (1, 2):
        return (op.ReduceL1 if p == 1 else op.ReduceL2)(x, over, keepdims=1)
    total = op.ReduceSum(op.Pow(op.Abs(x), float(p)), over, keepdims=1)
    return op.Pow(total, 1.0 / p)


@expansion("RoiAlign")
def roi_align(
    op: Any,
    x: Any,
    rois: Any,
    batch: Any,
    *,
    coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Any:
    """Average: the mean of bilinear samples is a product with one matrix per axis; max: of all weighted corners."""
    half = coordinate_transformation_mode == "half_pixel"
    rows = _points(op, rois, 1, output_height, sampling_ratio, spatial_scale, half)
    columns = _points(op, rois, 0, output_width, sampling_ratio, spatial_scale, half)
    if mode == "max":
        return _max_align(op, x, batch, rows, columns, (output_height, output_width))
    height, width = spatial(x, 2)
    down, across = _mean_weights(op, *rows, height), _mean_weights(op, *columns, width)
    narrow = _read_rows(op, x, down, batch, height, width, output_height)
    return op.MatMul(narrow, op.Unsqueeze(op.Transpose(across, perm=[0, 2, 1]), [1]))


def _points(
    op: Any, rois: Any, first: int, bins: int, ratio: int, scale: float, half: bool
) -> tuple[Any, Any]:
    """Return along one axis the sampled positions (R, bins, samples) and each one's share: 0 where a region has fewer."""
    start, end = (
        op.Sub(op.Mul(op.Slice(rois, [i], [i + 1], [1]), scale), 0.5 if half else 0.0)
        for i in (first, first + 2)
    )
    extent = op.Sub(end, start) if half else op.Max(op.Sub(end, start), 1.0)
    size = op.Div(extent, float(bins))
    count = op.Add(op.Mul(size, 0.0), float(ratio)) if ratio > 0 else op.Max(op.Ceil(size), 1.0)
    most = op.Cast(op.ReduceMax(count, keepdims=0), to=7)
    steps = op.CastLike(op.Range(np.array(0, np.int64), most, np.array(1, np.int64)), rois)
    count3, size3, start3 = (op.Unsqueeze(v, [2]) for v in (count, size, start))
    bin_start = op.Mul(np.arange(bins).astype(rois.dtype.numpy()).reshape(1, -1, 1), size3)
    at = op.Add(op.Add(bin_start, start3), op.Div(op.Mul(op.Add(steps, 0.5), size3), count3))
    return at, op.Where(op.Less(steps, count3), op.Reciprocal(count3), op.Mul(at, 0.0))


def _within(op: Any, at: Any, n: int) -> Any:
    """Samples more than one cell outside are 0."""
    return op.Cast(op.And(op.GreaterOrEqual(at, -1.0), op.LessOrEqual(at, float(n))), to=int(at.dtype))


def _mean_weights(op: Any, at: Any, share: Any, n: int) -> Any:
    """Return (R, bins, n): each bin's mean over its samples of the two nearest cells' weights."""
    cells = np.arange(n).astype(at.dtype.numpy())
    near = op.Unsqueeze(op.Clip(at, 0.0, n - 1.0), [3])
    hat = op.Max(op.Sub(1.0, op.Abs(op.Sub(near, cells))), 0.0)
    return op.ReduceSum(op.Mul(hat, op.Unsqueeze(op.Mul(_within(op, at, n), share), [3])), [2], keepdims=0)


def _read_rows(op: Any, x: Any, down: Any, batch: Any, height: int, width: int, bins: int) -> Any:
    """Return (R, C, bins, W): each region's rows of its own item, by one product (R bins, N H) (N H, C W)."""
    shape = op.Shape(x)
    items = op.Range(np.array(0, np.int64), op.Squeeze(op.Slice(shape, [0], [1]), [0]), np.array(1, np.int64))
    own = op.Cast(op.Equal(op.Unsqueeze(op.Cast(batch, to=7), [1]), items), to=int(x.dtype))
    left = op.Mul(op.Unsqueeze(own, [1, 3]), op.Unsqueeze(down, [2]))
    left = op.Reshape(left, op.Concat([-1], op.Mul(op.Slice(shape, [0], [1]), [height]), axis=0))
    channels = op.Slice(shape, [1], [2])
    right = op.Reshape(op.Transpose(x, perm=[0, 2, 1, 3]), op.Concat([-1], op.Mul(channels, [width]), axis=0))
    rows = op.Reshape(op.MatMul(left, right), op.Concat([-1, bins], channels, [width], axis=0))
    return op.Transpose(rows, perm=[0, 2, 1, 3])


def _max_align(op: Any, x: Any, batch: Any, rows: Any, columns: Any, bins: tuple[int, int]) -> Any:
    height, width = spatial(x, 2)
    at = [_pairs(op, rows[0], columns[0], True), _pairs(op, rows[0], columns[0], False)]
    real = op.Mul(_pairs(op, rows[1], columns[1], True), _pairs(op, rows[1], columns[1], False))
    good = op.Mul(_within(op, at[0], height), _within(op, at[1], width))
    inner = [op.Reshape(op.Clip(p, 0.0, n - 1.0), [0, -1]) for p, n in zip(at, (height, width), strict=True)]
    found = taps(op, inner, [height, width], "linear", "border", True)
    flat = op.Gather(op.Reshape(x, [0, 0, -1]), batch, axis=0)
    weights = op.Mul(found.weights, op.Unsqueeze(op.Reshape(good, [0, -1]), [1]))
    values = op.Mul(found.read(op, flat), op.Unsqueeze(weights, [1]))
    hidden = op.Unsqueeze(op.Reshape(op.Equal(real, 0.0), [0, -1]), [1, 2])
    greatest = op.ReduceMax(op.Where(hidden, LOWEST, values), [2], keepdims=0)
    return op.ReduceMax(op.Reshape(greatest, [0, 0, *bins, -1]), [4], keepdims=0)


def _pairs(op: Any, a: Any, b: Any, first: bool) -> Any:
    """(R, I, S) and (R, J, T) to (R, I, J, S, T), of the first or of the second."""
    left, right = op.Unsqueeze(a, [2, 4]), op.Unsqueeze(b, [1, 3])
    return op.Add(left, op.Mul(right, 0.0)) if first else op.Add(op.Mul(left, 0.0), right)


@expansion("MaxRoiPool")
def max_roi_pool(op: Any, x: Any, rois: Any, *, pooled_shape: Any, spatial_scale: float = 1.0) -> Any:
    """The greatest along the rows of a bin, then along its columns; an empty bin gives 0."""
    height, width = spatial(x, 2)
    own = op.Gather(x, op.Cast(op.Squeeze(op.Slice(rois, [0], [1], [1]), [1]), to=7), axis=0)
    down = _bins(op, rois, 2, pooled_shape[0], spatial_scale, height)
    across = _bins(op, rois, 1, pooled_shape[1], spatial_scale, width)
    narrow = op.ReduceMax(
        op.Where(op.Unsqueeze(across, [1, 2]), op.Unsqueeze(own, [3]), LOWEST), [4], keepdims=0
    )
    both = op.ReduceMax(
        op.Where(op.Unsqueeze(down, [1, 4]), op.Unsqueeze(narrow, [2]), LOWEST), [3], keepdims=0
    )
    return op.Where(op.LessOrEqual(both, LOWEST), 0.0, both)


def _bins(op: Any, rois: Any, first: int, bins: int, scale: float, n: int) -> Any:
    """Return (R, bins, n): which cells along an axis belong to which bin; bins may share a cell."""
    start, end = (
        op.Floor(op.Add(op.Mul(op.Slice(rois, [i], [i + 1], [1]), scale), 0.5)) for i in (first, first + 2)
    )
    size = op.Div(op.Max(op.Add(op.Sub(end, start), 1.0), 1.0), float(bins))
    dtype = rois.dtype.numpy()
    low = op.Add(op.Floor(op.Mul(size, np.arange(bins).astype(dtype))), start)
    high = op.Add(op.Ceil(op.Mul(size, np.arange(1, bins + 1).astype(dtype))), start)
    cells = np.arange(n).astype(dtype)
    return op.And(op.GreaterOrEqual(cells, op.Unsqueeze(low, [2])), op.Less(cells, op.Unsqueeze(high, [2])))
