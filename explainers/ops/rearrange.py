"""Operators that put values in another order, or lay them out in blocks and windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from ..graph.build import dimensions
from ..graph.table import rules, vjp
from .movement import constant_ints, number_cells
from .windows import spatial

rules(
    {
        "ReverseSequence": lambda op, g, y, x, lengths, batch_axis=1, time_axis=0: (
            op.ReverseSequence(g, lengths, batch_axis=batch_axis, time_axis=time_axis),
            None,
        ),
        "Trilu": lambda op, g, y, x, k=None, upper=1: (op.Trilu(g, k, upper=upper), None),
        "CenterCropPad": lambda op, g, y, x, shape, axes=None: (
            add_to_copied(op, g, x, lambda cells: op.CenterCropPad(cells, shape, axes=axes)),
            None,
        ),
    }
)


def add_to_copied(op: Any, g: Any, x: Any, lay_out: Any) -> Any:
    """Add g to the cells of x that `lay_out` copies; what it fills up with zeros is dropped."""
    chosen = op.Reshape(lay_out(number_cells(op, x, first=1)), [-1])
    zero = ir.tensor(np.zeros(1, g.dtype.numpy()))
    flat = op.ConstantOfShape(op.Reshape(op.Add(op.Size(x), 1), [1]), value=zero)
    full = op.ScatterElements(flat, chosen, op.Reshape(g, [-1]), axis=0, reduction="add")
    return op.reshape_like(op.Slice(full, [1], [np.iinfo(np.int64).max]), x)


@vjp("DepthToSpace")
def depth_to_space(op: Any, g: Any, y: Any, x: Any, *, blocksize: int, mode: str = "DCR") -> Any:
    """The blocks go back to channels: (N, C, H b, W b) -> (N, b b C, H, W), or (N, C b b, H, W) for CRD."""
    height, width = spatial(x, 2)
    split = op.Reshape(g, [0, 0, height, blocksize, width, blocksize])
    return op.reshape_like(
        op.Transpose(split, perm=[0, 3, 5, 1, 2, 4] if mode == "DCR" else [0, 1, 3, 5, 2, 4]), x
    )


@vjp("SpaceToDepth")
def space_to_depth(op: Any, g: Any, y: Any, x: Any, *, blocksize: int, mode: str = "DCR") -> Any:
    return op.DepthToSpace(g, blocksize=blocksize, mode=mode)


@vjp("MaxUnpool")
def max_unpool(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    indices: Any,
    output_shape: Any = None,
    *,
    kernel_shape: Any,
    pads: Any = None,
    strides: Any = None,
) -> Any:
    """Each value is read back from where it was put; an output shape only adds zeros behind."""
    d = len(kernel_shape)
    if output_shape is not None:
        steps, cut = strides or [1] * d, pads or [0] * 2 * d
        whole = [
            (n - 1) * s - cut[i] - cut[d + i] + k
            for i, (n, s, k) in enumerate(zip(spatial(x, d), steps, kernel_shape, strict=True))
        ]
        g = op.Slice(g, [0] * d, whole, list(range(2, 2 + d)))
    return op.Reshape(op.Gather(op.Reshape(g, [-1]), op.Reshape(indices, [-1])), op.shape(x))


@vjp("Col2Im")
def col2im(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    image_shape: Any,
    block_shape: Any,
    *,
    dilations: Any = None,
    pads: Any = None,
    strides: Any = None,
) -> Any:
    """Each column reads the image's cells that it was added to; what fell on the padding receives 0."""
    image, block = constant_ints(image_shape), constant_ints(block_shape)
    if image is False or block is False:
        raise ValueError(f"the image and block shape of {x.name!r} must be known")
    d = len(block)
    cells = column_cells(image, block, strides or [1] * d, dilations or [1] * d, pads or [0] * 2 * d)
    channels = (dimensions(y) or [None, None])[1]
    if not isinstance(channels, int):
        raise ValueError(f"the number of channels of {y.name!r} must be known")
    flat = op.Pad(op.Reshape(g, [0, channels, -1]), [0, 0, 0, 0, 0, 1])
    return (
        op.Reshape(op.Gather(flat, cells, axis=2), [0, channels * cells.shape[0], cells.shape[1]]),
        None,
        None,
    )


def column_cells(
    image: list[int], block: list[int], strides: list[int], dilations: list[int], pads: list[int]
) -> Any:
    """Return (cells of a block, positions) -> the image's flat cell, or the image's size where it lies on padding."""
    d, size = len(block), int(np.prod(image))
    flat, outside = np.zeros(1, np.int64), np.zeros(1, bool)
    for i in range(d):
        span = dilations[i] * (block[i] - 1) + 1
        count = (image[i] + pads[i] + pads[d + i] - span) // strides[i] + 1
        at = (np.arange(block[i]) * dilations[i])[:, None] + np.arange(count) * strides[i] - pads[i]
        shape = [1] * i + [block[i]] + [1] * (d - 1) + [count] + [1] * (d - 1 - i)
        at = at.reshape(shape)
        flat, outside = flat * image[i] + at, outside | (at < 0) | (at >= image[i])
    return np.where(outside, size, flat).reshape(int(np.prod(block)), -1)
