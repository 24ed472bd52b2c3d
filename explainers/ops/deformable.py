"""Deformable convolution: a convolution that reads between cells, where offsets say."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.build import dimensions, static_shape
from ..graph.table import vjp
from .sampling import Taps, taps
from .windows import Window, spatial, window


@vjp("DeformConv")
def deform_conv(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    w: Any,
    offset: Any,
    b: Any = None,
    mask: Any = None,
    *,
    dilations: Any = None,
    group: int = 1,
    kernel_shape: Any = None,
    offset_group: int = 1,
    pads: Any = None,
    strides: Any = None,
) -> Any:
    """Samples, times the mask, times the kernels: each factor receives the product of the others."""
    d = len(dimensions(x) or []) - 2
    win = window(x, kernel_shape or spatial(w, d), strides, dilations, pads)
    shape = static_shape(w)
    if shape is None:
        raise ValueError(f"the shape of the kernels {w.name!r} must be known")
    k, channels = int(np.prod(win.kernel)), shape[1] * group
    found = _deformed(op, x, y, offset, win, offset_group)
    flat = op.Reshape(x, [-1, channels // offset_group, int(np.prod(spatial(x, d)))])
    values = found.read(op, flat)
    samples = op.ReduceSum(op.Mul(values, op.Unsqueeze(found.weights, [1])), [2], keepdims=0)
    masks = None if mask is None else op.Reshape(mask, [-1, 1, k * int(np.prod(spatial(y, d)))])
    arrived = _to_samples(op, g, w, shape, group, channels // offset_group, k)
    masked = arrived if masks is None else op.Mul(arrived, masks)

    def to_offset() -> Any:
        pull = op.ReduceSum(op.Mul(op.Unsqueeze(masked, [2]), values), [1], keepdims=0)
        parts = [
            op.Reshape(op.ReduceSum(op.Mul(pull, s), [1], keepdims=0), [0, k, 1, -1]) for s in found.slopes
        ]
        return op.reshape_like(op.Concat(*parts, axis=2), offset)

    def to_w() -> Any:
        columns = samples if masks is None else op.Mul(samples, masks)
        columns = op.Reshape(columns, [-1, group, shape[1] * k, int(np.prod(spatial(y, d)))])
        split = op.Reshape(g, [0, group, shape[0] // group, -1])
        each = op.MatMul(split, op.Transpose(columns, perm=[0, 1, 3, 2]))
        return op.Reshape(op.ReduceSum(each, [0], keepdims=0), shape)

    return (
        lambda: op.reshape_like(found.add(op, masked, flat), x),
        to_w,
        to_offset,
        lambda: op.ReduceSum(g, [0, *range(2, 2 + d)], keepdims=0),
        None
        if mask is None
        else lambda: op.reshape_like(op.ReduceSum(op.Mul(arrived, samples), [1], keepdims=0), mask),
    )


def _deformed(op: Any, x: Any, y: Any, offset: Any, win: Window, groups: int) -> Taps:
    """Return the taps of every kernel cell at every output position, items times offset groups first."""
    d = len(win.kernel)
    lengths, out = spatial(x, d), spatial(y, d)
    k, positions = int(np.prod(win.kernel)), int(np.prod(out))
    cells, steps = np.indices(win.kernel).reshape(d, k, 1), np.indices(out).reshape(d, 1, positions)
    split = op.Reshape(offset, [-1, k, d, positions])
    at = []
    for axis in range(d):
        start = steps[axis] * win.strides[axis] - win.begin[axis] + cells[axis] * win.dilations[axis]
        moved = op.Add(
            op.Squeeze(op.Slice(split, [axis], [axis + 1], [2]), [2]), start.astype(offset.dtype.numpy())
        )
        at.append(op.Reshape(moved, [0, -1]))
    return taps(op, at, lengths, "linear", "zeros", True)


def _to_samples(op: Any, g: Any, w: Any, shape: list[int], group: int, channels: int, k: int) -> Any:
    """Return what arrives at the samples (N offset groups, C / offset groups, k positions)."""
    m, c = shape[0] // group, shape[1]
    kernels = op.Transpose(op.Reshape(w, [group, m, c * k]), perm=[0, 2, 1])
    columns = op.MatMul(kernels, op.Reshape(g, [0, group, m, -1]))
    positions = op.Slice(op.Shape(columns), [3], [4])
    return op.Reshape(columns, op.Concat([-1, channels], op.Mul(positions, [k]), axis=0))
