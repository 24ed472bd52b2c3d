"""Which cells of its input a node that moves, copies or resizes values gives on."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..ops.resize import matrices
from ..types import Array
from .support_rules import Question, Table, into, lengths
from .supports import Support, joined, pull, reshaped, spread, through

MOVES: Table = {}
move = partial(into, MOVES)


def _moved(s: Support, axis: int, index: Array, length: int) -> Support:
    return [pull(m, index, length) if k == axis else m for k, m in enumerate(s)]


@move("Reshape", "Flatten", "Squeeze", "Unsqueeze", first=True)
def _reshape(q: Question) -> Support:
    return reshaped(q.s, q.dims)


@move("Transpose")
def _transpose(q: Question) -> Support:
    perm = q.a.get("perm") or list(range(len(q.s)))[::-1]
    return [q.s[perm.index(axis)] for axis in range(len(q.s))]


@move("Concat")
def _concat(q: Question) -> Support:
    axis = q.axis()
    begin = sum(lengths(x)[axis] for x in q.node.inputs[: q.input])
    return [m[:, begin : begin + q.dims[axis]] if k == axis else m for k, m in enumerate(q.s)]


@move("Split", first=True)
def _split(q: Question) -> Support:
    axis = q.axis()
    begin = sum(lengths(y)[axis] for y in q.node.outputs[: q.output])
    return _moved(q.s, axis, begin + np.arange(q.s[axis].shape[1]), q.dims[axis])


@move("Slice", first=True)
def _slice(q: Question) -> Support | None:
    starts, ends, axes, steps = (q.ints(i) for i in (1, 2, 3, 4))
    if any(v is False for v in (starts, ends, axes, steps)):
        return None
    s = q.s
    for k, axis in enumerate(axes or range(len(starts))):
        n, step = q.dims[axis], (steps or [1] * len(starts))[k]
        # an end before the first cell takes a backward slice through it
        end = None if ends[k] < -n else ends[k]
        s = _moved(s, axis % len(q.dims), np.arange(n)[starts[k] : end : step], n)
    return s


@move("Gather")
def _gather(q: Question) -> Support:
    data, index = q.node.inputs[0], q.node.inputs[1]
    axis, rank = q.axis(0, len(lengths(data))), len(lengths(index))
    picked = q.s[axis : axis + rank]
    if q.input == 1:
        return picked
    joint, n = joined(picked) if picked else q.every(1), q.dims[axis]
    at = None if index is None or index.const_value is None else index.const_value.numpy().reshape(-1) % n
    cells = spread(joint, n) if at is None else pull(joint, at, n)
    return [*q.s[:axis], cells, *q.s[axis + rank :]]


@move("Pad", first=True)
def _pad(q: Question) -> Support | None:
    pads, axes = q.ints(1), q.ints(3)
    if pads is False or axes is False:
        return None
    on = [a % len(q.dims) for a in axes] if axes is not None else list(range(len(q.dims)))
    s = q.s
    for k, axis in enumerate(on):
        copied = _padded(q.dims[axis], pads[k], pads[k + len(on)], q.a.get("mode", "constant"))
        s = _moved(s, axis, copied, q.dims[axis])
    return s


def _padded(length: int, before: int, behind: int, mode: Any) -> Array:
    """Return which cell each cell of a padded axis copies; -1: none."""
    cells = np.arange(length)[max(0, -before) : length - max(0, -behind)]
    width = (max(0, before), max(0, behind))
    return np.pad(cells, width, constant_values=-1) if mode == "constant" else np.pad(cells, width, mode=mode)


@move("Tile", first=True)
def _tile(q: Question) -> Support:
    return [pull(m, np.arange(m.shape[1]) % n, n) for m, n in zip(q.s, q.dims, strict=True)]


@move("DepthToSpace", "SpaceToDepth")
def _blocks(q: Question) -> Support:
    (n, c, h, w), b = q.dims, q.a["blocksize"]
    if q.node.op_type == "SpaceToDepth":
        batch, row, column, channel, high, wide = reshaped(q.s, [n, b, b, c, h // b, w // b])
        return reshaped([batch, channel, high, row, wide, column], q.dims)
    batch, channel, high, row, wide, column = [*q.s[:2], *reshaped(q.s[2:], [h, b, w, b])]
    order = [row, column, channel] if q.a.get("mode", "DCR") == "DCR" else [channel, row, column]
    return reshaped([batch, *order, high, wide], q.dims)


@move("Resize", first=True)
def _resize(q: Question) -> Support:
    roi, scales, sizes = [*q.node.inputs[1:], None, None, None][:3]
    found = matrices(q.node.inputs[0], q.node.outputs[0], roi, scales, sizes, q.a)
    return [through(m, found[k]) if k in found else m for k, m in enumerate(q.s)]
