"""Operators that only move, copy or drop values."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import onnx_ir as ir

from ..graph.build import dimensions
from ..graph.table import vjp

vjp("Reshape")(lambda op, g, y, x, shape, **_: (op.reshape_like(g, x), None))
vjp("Flatten")(lambda op, g, y, x, **_: op.reshape_like(g, x))
vjp("Squeeze")(lambda op, g, y, x, axes=None: (op.reshape_like(g, x), None))
vjp("Unsqueeze")(lambda op, g, y, x, axes: (op.reshape_like(g, x), None))
vjp("Expand")(lambda op, g, y, x, shape: (op.reduce_to(g, dimensions(y), x), None))
# at inference a mask arrives nowhere and the ratio does not count
vjp("Dropout")(lambda op, g, y, x, ratio=None, training=None, **_: (g, None, None))


@vjp("Transpose")
def transpose(op: Any, g: Any, y: Any, x: Any, perm: Any = None) -> Any:
    perm = perm or list(range(len(dimensions(y) or [])))[::-1]
    return op.Transpose(g, perm=[perm.index(i) for i in range(len(perm))])


@vjp("Concat")
def concat(op: Any, g: Any, y: Any, *xs: Any, axis: int) -> Any:
    rank = len(dimensions(y) or [])
    axis = axis % rank if rank else axis
    lengths = [(dimensions(x) or [None] * (abs(axis) + 1))[axis] for x in xs]
    if all(isinstance(n, int) for n in lengths):
        ends = np.cumsum([0, *lengths])
        return [_part(op, g, int(a), int(b), axis) for a, b in pairwise(ends)]
    sizes = op.Concat(*(op.Gather(op.Shape(x), [axis]) for x in xs), axis=0)
    parts = op.Split(g, sizes, axis=axis, outputs=len(xs))
    return list(parts) if len(xs) > 1 else [parts]


def _part(op: Any, g: Any, begin: int, end: int, axis: int) -> Any:
    return lambda: op.Slice(g, [begin], [end], [axis])


@vjp("Split", outputs="all")
def split(
    op: Any, g: Any, y: Any, x: Any, sizes: Any = None, *, axis: int = 0, num_outputs: Any = None
) -> Any:
    parts = [op.zeros_like(yi) if gi is None else gi for gi, yi in zip(g, y, strict=True)]
    return op.Concat(*parts, axis=axis), None


@vjp("Slice")
def slice_(
    op: Any, g: Any, y: Any, x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None
) -> Any:
    """Zeros with g written where it was read: by Pad where the steps are 1, by index elsewhere."""
    bounds = [constant_ints(v) for v in (starts, ends, axes, steps)]
    dims = dimensions(x)
    if dims is not None and all(b is not False for b in bounds):
        cut = _cuts(dims, len(dims), *bounds)
        if cut is not None:
            return op.Pad(g, [a for a, _ in cut] + [b for _, b in cut])
    return add_to_chosen(op, g, x, lambda cells: op.Slice(cells, starts, ends, axes, steps))


def constant_ints(v: Any) -> Any:
    """Return the value of a constant input, None for an absent one, False for one that only the run knows."""
    if v is None:
        return None
    return False if v.const_value is None else [int(i) for i in v.const_value.numpy().reshape(-1)]


def _cuts(
    dims: list[Any], rank: int, starts: Any, ends: Any, axes: Any, steps: Any
) -> list[tuple[int, int]] | None:
    """Return how much was cut off before and behind on each axis, or None where it is not plain to say."""
    cut = [(0, 0)] * rank
    for i, named in enumerate(axes or range(len(starts))):
        axis = named % rank
        n, step = dims[axis], (steps or [1] * len(starts))[i]
        if step != 1 or not isinstance(n, int):
            return None
        begin, end, _ = slice(starts[i], ends[i]).indices(n)
        cut[axis] = (begin, n - max(begin, end))
    return cut


def add_to_chosen(op: Any, g: Any, x: Any, select: Any) -> Any:
    """Add g to the cells of x that `select` picks, whatever it is: it is asked to pick from x's cell numbers."""
    count = op.Size(x)
    chosen = op.Reshape(select(number_cells(op, x)), [-1])
    flat = op.ConstantOfShape(op.Reshape(count, [1]), value=_zero(g))
    return op.reshape_like(op.ScatterElements(flat, chosen, op.Reshape(g, [-1]), axis=0, reduction="add"), x)


def number_cells(op: Any, x: Any, first: int = 0) -> Any:
    """Return int64 numbers in x's shape, counting up from the first in row-major order."""
    end = op.Add(op.Size(x), first) if first else op.Size(x)
    return op.reshape_like(op.Range(np.array(first, np.int64), end, np.array(1, np.int64)), x)


def _zero(g: Any) -> Any:
    return ir.tensor(np.zeros(1, g.dtype.numpy()))


@vjp("Pad")
def pad(
    op: Any, g: Any, y: Any, x: Any, pads: Any, value: Any = None, axes: Any = None, *, mode: str = "constant"
) -> Any:
    """Constant padding is cut off, and its value collects what is cut; copied padding goes back to the cells it copied."""
    gx = _unpadded(op, g, x, pads, axes, mode)

    def to_value() -> Any:
        return op.reshape_like(op.Sub(op.ReduceSum(g, keepdims=0), op.ReduceSum(gx, keepdims=0)), value)

    return gx, None, None if value is None else to_value, None


def _unpadded(op: Any, g: Any, x: Any, pads: Any, axes: Any, mode: str) -> Any:
    known, on = constant_ints(pads), constant_ints(axes)
    if mode != "constant":
        return add_to_chosen(op, g, x, lambda cells: op.Pad(cells, pads, None, axes, mode=mode))
    if known is False or on is False or any(b < 0 for b in known):
        return _scatter_padded(op, g, x, pads, axes)
    rank = len(dimensions(x) or [])
    on = [a % rank for a in on] if on is not None else list(range(rank))
    begin, end = known[: len(on)], known[len(on) :]
    used = [i for i, (b, e) in enumerate(zip(begin, end, strict=True)) if b or e]
    ends = [-end[i] if end[i] else np.iinfo(np.int64).max for i in used]
    return op.Slice(g, [begin[i] for i in used], ends, [on[i] for i in used]) if used else g


def _scatter_padded(op: Any, g: Any, x: Any, pads: Any, axes: Any) -> Any:
    """Padding unknown before the run, or negative: padding is given a cell of its own and g is dropped there."""
    one = op.Size(x)
    cells = op.reshape_like(op.Range(np.array(0, np.int64), one, np.array(1, np.int64)), x)
    chosen = op.Reshape(op.Pad(cells, pads, one, axes), [-1])
    flat = op.ConstantOfShape(op.Reshape(op.Add(one, 1), [1]), value=_zero(g))
    full = op.ScatterElements(flat, chosen, op.Reshape(g, [-1]), axis=0, reduction="add")
    return op.reshape_like(op.Slice(full, [0], [-1]), x)


@vjp("Tile")
def tile(op: Any, g: Any, y: Any, x: Any, repeats: Any) -> Any:
    """Sum the copies: (r0 d0, r1 d1, ...) -> (r0, d0, r1, d1, ...) summed over the r."""
    rank = len(dimensions(x) or [])
    pairs = op.Reshape(
        op.Transpose(op.Reshape(op.Concat(repeats, op.shape(x), axis=0), [2, rank]), perm=[1, 0]), [-1]
    )
    return op.ReduceSum(op.Reshape(g, pairs), list(range(0, 2 * rank, 2)), keepdims=0), None
