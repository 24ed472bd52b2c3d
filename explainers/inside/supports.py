"""Supports: which cells of a tensor something depends on, one mask per axis, many questions at once (rows)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..types import Array

Support = list[Array]
"""Per axis of a tensor, (questions, length) truth values; a support is the product of its axes' sets."""
JOINT = 1 << 25
"""Cells of several axes that are looked at together."""


def alive(s: Support) -> Array:
    """Return for which questions a support has any cell."""
    out: Array = np.logical_and.reduce([m.any(1) for m in s])
    return out


def whole(rows: int, dims: Sequence[int]) -> Support:
    """Return every cell of a tensor."""
    return [np.ones((rows, n), bool) for n in dims]


def spread(m: Array, length: int) -> Array:
    """Return the whole axis wherever the mask has a cell."""
    return np.repeat(m.any(1, keepdims=True), length, 1)


def pull(m: Array, index: Array, length: int) -> Array:
    """Return which cells were read, where output cell o read cell `index[o]`; -1 reads none."""
    read = np.zeros((m.shape[1], length), np.float32)
    at = np.flatnonzero(np.asarray(index) >= 0)
    read[at, np.asarray(index)[at]] = 1
    return through(m, read)


def through(m: Array, weights: Array) -> Array:
    """Return the cells that have a weight (outputs, inputs) in an output of the mask; a millionth is rounding, and none."""
    shares: Array = m.astype(np.float32) @ (np.abs(weights) > 1e-6).astype(np.float32)
    return shares > 0


def window(m: Array, length: int, kernel: int, stride: int, dilation: int, begin: int) -> Array:
    """Return the cells under the windows of a convolution or a pool; padding is no cell."""
    out = np.zeros((len(m), length), bool)
    starts = np.arange(m.shape[1]) * stride - begin
    for tap in range(kernel):
        at = starts + tap * dilation
        inside = (at >= 0) & (at < length)
        out[:, at[inside]] |= m[:, inside]
    return out


def strewn(m: Array, length: int, kernel: int, stride: int, dilation: int, begin: int) -> Array:
    """Return the cells that a transposed convolution strews over those of the mask."""
    out = np.zeros((len(m), length), bool)
    for tap in range(kernel):
        at = np.arange(length) * stride + tap * dilation - begin
        inside = (at >= 0) & (at < m.shape[1])
        out[:, inside] |= m[:, at[inside]]
    return out


def in_groups(m: Array, groups: int, length: int) -> Array:
    """Return the channels of every group in which the mask has one."""
    touched = np.asarray(m.reshape(len(m), groups, -1).any(2))
    return np.repeat(touched, length // groups, 1)


def unbroadcast(s: Support, dims: Sequence[int]) -> Support:
    """Return an operand's cells, which were broadcast to the support's tensor as numpy does it."""
    own = s[len(s) - len(dims) :]
    return [m if m.shape[1] == n else spread(m, n) for m, n in zip(own, dims, strict=True)]


def reshaped(s: Support, dims: Sequence[int]) -> Support:
    """Return the cells of a tensor that was reshaped: axes that stay keep their sets, others are looked at together."""
    outs, found = [m.shape[1] for m in s], []
    i = j = 0
    while i < len(dims) or j < len(outs):
        i2, j2 = min(i + 1, len(dims)), min(j + 1, len(outs))
        while math.prod(dims[i:i2]) != math.prod(outs[j:j2]):
            if math.prod(dims[i:i2]) < math.prod(outs[j:j2]):
                i2 += 1
            else:
                j2 += 1
        # an axis of length 1 at the end came from nowhere: its one cell is there
        found += _regrouped(s[j:j2] or [np.ones((len(s[0]), 1), bool)], dims[i:i2])
        i, j = i2, j2
    return found


def _regrouped(s: Support, dims: Sequence[int]) -> Support:
    if len(s) == len(dims) == 1 or not dims:
        return s[: len(dims)]
    rows, step = len(s[0]), max(1, JOINT // max(1, math.prod(dims)))
    parts = [_apart([m[r : r + step] for m in s], dims) for r in range(0, rows, step)]
    return [np.concatenate(axis) for axis in zip(*parts, strict=True)]


def _apart(s: Support, dims: Sequence[int]) -> Support:
    cells = joined(s).reshape(len(s[0]), *dims)
    axes = range(1, cells.ndim)
    return [np.asarray(cells.any(tuple(a for a in axes if a != axis))) for axis in axes]


def joined(s: Support) -> Array:
    """Return the cells of several axes as those of one."""
    joint = s[0]
    for m in s[1:]:
        joint = (joint[:, :, None] & m[:, None, :]).reshape(len(joint), -1)
    return joint
