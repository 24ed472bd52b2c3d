"""Resize: along each axis a matrix, so the derivative is its transpose."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.build import dimensions
from ..graph.table import vjp
from .movement import constant_ints

Floats = np.ndarray[Any, np.dtype[np.float64]]


@vjp("Resize")
def resize(
    op: Any, g: Any, y: Any, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None, **how: Any
) -> Any:
    """Nearest enlarging by whole factors sums tiles; everything else is a product with the transposed weights."""
    weights = matrices(x, y, roi, scales, sizes, how)
    tiles = {a: _tile(w) for a, w in weights.items()}
    rank = len(dimensions(x) or [])
    if weights and min(weights) >= 2 and 3 <= rank <= 5 and all(tiles.values()):
        kernel = [tiles.get(a, 1) for a in range(2, rank)]
        return op.Mul(op.AveragePool(g, kernel_shape=kernel, strides=kernel), float(np.prod(kernel)))
    for axis, w in weights.items():
        g = _multiply(op, g, op.constant(np.ascontiguousarray(w.astype(g.dtype.numpy()))), axis, rank)
    return g


def matrices(x: Any, y: Any, roi: Any, scales: Any, sizes: Any, how: Any) -> dict[int, Floats]:
    """Return the weights (output positions, input positions) along each axis that changes."""
    factors = _factors(x, y, scales, sizes, how)
    crop = _crop(roi, how.get("axes"), len(factors))
    weights = {a: _axis_weights(x, y, a, f, crop[a], how) for a, f in enumerate(factors) if f is not None}
    return {a: w for a, w in weights.items() if not np.array_equal(w, np.eye(len(w)))}


def _multiply(op: Any, g: Any, w: Any, axis: int, rank: int) -> Any:
    if axis == rank - 1:
        return op.MatMul(g, w)
    order = [*(a for a in range(rank) if a != axis), axis]
    moved = op.MatMul(op.Transpose(g, perm=order), w)
    return op.Transpose(moved, perm=[order.index(a) for a in range(rank)])


def _factors(x: Any, y: Any, scales: Any, sizes: Any, how: Any) -> list[float | None]:
    """Return each axis' factor, None where the axis stays."""
    dims, out = dimensions(x) or [], dimensions(y) or []
    axes = [a % len(dims) for a in how.get("axes") or range(len(dims))]
    factors: list[float | None] = [None] * len(dims)
    if scales is not None and scales.shape is not None and list(scales.shape) != [0]:
        if scales.const_value is None:
            raise ValueError(f"the scales by which {x.name!r} is resized must be known")
        for a, f in zip(axes, scales.const_value.numpy().tolist(), strict=True):
            factors[a] = float(f)
    else:
        for a, f in zip(
            axes, _ratios(x, sizes, [dims[a] for a in axes], [out[a] for a in axes], how), strict=True
        ):
            factors[a] = f
    crops = how.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    return [None if f == 1.0 and not crops else f for f in factors]


def _ratios(x: Any, sizes: Any, dims: list[Any], out: list[Any], how: Any) -> list[float | None]:
    policy, wanted = how.get("keep_aspect_ratio_policy", "stretch"), constant_ints(sizes)
    if policy == "stretch":
        return [None if n == o else _known(x, o) / _known(x, n) for n, o in zip(dims, out, strict=True)]
    if wanted is False:
        raise ValueError(f"the sizes to which {x.name!r} is resized must be known")
    ratios = [w / _known(x, n) for n, w in zip(dims, wanted, strict=True)]
    return [min(ratios) if policy == "not_larger" else max(ratios)] * len(dims)


def _known(x: Any, n: Any) -> int:
    if not isinstance(n, int):
        raise ValueError(f"the lengths of {x.name!r} that are resized must be known; give the input's shape")
    return n


def _crop(roi: Any, axes: Any, rank: int) -> list[tuple[float, float]]:
    values = roi.const_value.numpy().tolist() if roi is not None and roi.const_value is not None else []
    crop = [(0.0, 1.0)] * rank
    on = [a % rank for a in axes or range(rank)]
    if len(values) == 2 * len(on):
        for i, a in enumerate(on):
            crop[a] = (values[i], values[len(on) + i])
    return crop


def _tile(w: Floats) -> int:
    """Return k where the weights repeat each value k times, else 0."""
    o, n = w.shape
    return o // n if o % n == 0 and np.array_equal(w, np.repeat(np.eye(n), o // n, axis=0)) else 0


# ---- weights along one axis, as the standard defines them ------------------------------------------------------------


def _axis_weights(x: Any, y: Any, axis: int, scale: float, crop: tuple[float, float], how: Any) -> Floats:
    n, o = (dimensions(x) or [])[axis], (dimensions(y) or [])[axis]
    whole = (
        how.get("coordinate_transformation_mode") == "tf_crop_and_resize"
        and crop == (0.0, 1.0)
        and scale == 1.0
    )
    if whole:
        return np.eye(1)
    return resize_weights(_known(x, n), _known(y, o), scale, crop, how)


def resize_weights(n: int, o: int, scale: float, crop: tuple[float, float], how: Any) -> Floats:
    """Return (output positions, input positions)."""
    at, outside = _sources(n, o, scale, crop, how.get("coordinate_transformation_mode", "half_pixel"))
    # an exact hit counts as the end of the interval to its left
    below = np.ceil(at).astype(np.int64) - 1
    taps, offsets = _taps(at - below, scale, how)
    cells = below[:, None] + offsets
    if how.get("exclude_outside"):
        taps = np.where((cells < 0) | (cells >= n), 0.0, taps)
        total = taps.sum(1, keepdims=True)
        taps = taps / np.where(total == 0, 1.0, total)
    weights = np.zeros((o, n))
    np.add.at(weights, (np.arange(o)[:, None], np.clip(cells, 0, n - 1)), taps)
    weights[outside] = 0.0
    return weights


def _sources(n: int, o: int, scale: float, crop: tuple[float, float], mode: str) -> tuple[Floats, Any]:
    """Return where each output position lies in the input, and which of them a crop leaves outside."""
    i, width, inside = np.arange(o, dtype=np.float64), scale * n, np.zeros(o, bool)
    if mode == "align_corners":
        return (np.zeros(o) if width == 1 else i * (n - 1) / (width - 1)), inside
    if mode == "asymmetric":
        return i / scale, inside
    if mode == "tf_crop_and_resize":
        start, end = crop
        at = start * (n - 1) + (
            (end - start) * (n - 1) / 2 + 0 * i if width == 1 else i * (end - start) * (n - 1) / (width - 1)
        )
        return at, (at < 0) | (at > n - 1)
    if mode == "pytorch_half_pixel" and width == 1:
        return np.full(o, -0.5), inside
    shift = n / 2 * (1 - o / width) if mode == "half_pixel_symmetric" else 0.0
    return shift + (i + 0.5) / scale - 0.5, inside


def _taps(ratio: Floats, scale: float, how: Any) -> tuple[Floats, Any]:
    """Return each output's weights and the cells, counted from the one below, that they are for."""
    mode, stretch = how.get("mode", "nearest"), min(scale, 1.0) if how.get("antialias") else 1.0
    if mode == "nearest":
        return _nearest(ratio, how.get("nearest_mode", "round_prefer_floor")), np.arange(2)
    reach = 1 if mode == "linear" else 2
    first = int(np.floor(-reach / stretch)) + 1
    offsets = np.arange(first, 2 - first)
    away = np.abs((offsets - ratio[:, None]) * stretch)
    taps = np.clip(1 - away, 0, 1) if mode == "linear" else _cubic(away, how.get("cubic_coeff_a", -0.75))
    return taps / taps.sum(1, keepdims=True), offsets


def _nearest(ratio: Floats, mode: str) -> Floats:
    up = {
        "round_prefer_floor": ratio > 0.5,
        "round_prefer_ceil": ratio >= 0.5,
        "floor": ratio == 1.0,
        "ceil": ratio > 0,
    }[mode]
    return np.stack([~up, up], 1).astype(np.float64)


def _cubic(away: Floats, a: float) -> Floats:
    near = (a + 2) * away**3 - (a + 3) * away**2 + 1
    far = a * away**3 - 5 * a * away**2 + 8 * a * away - 4 * a
    return np.where(away <= 1, near, np.where(away < 2, far, 0.0))
