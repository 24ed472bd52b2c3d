"""Conv and ConvTranspose in one to three dimensions, each the other's derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.build import dimensions, static_shape
from ..graph.table import vjp
from .windows import Window, known_spatial, spatial, window


@vjp("Conv")
def conv(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    w: Any,
    b: Any = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Any = None,
    group: int = 1,
    kernel_shape: Any = None,
    pads: Any = None,
    strides: Any = None,
) -> Any:
    """The input's gradient is a transposed convolution, the kernel's a convolution of input and gradient."""
    win = window(x, kernel_shape or spatial(w, _dims(w)), strides, dilations, pads, auto_pad)
    return (
        lambda: input_gradient(op, g, x, w, win, group),
        lambda: kernel_gradient(op, x, g, w, win, group),
        lambda: _bias_gradient(op, g, win),
    )


@vjp("ConvTranspose")
def conv_transpose(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    w: Any,
    b: Any = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Any = None,
    group: int = 1,
    kernel_shape: Any = None,
    output_padding: Any = None,
    output_shape: Any = None,
    pads: Any = None,
    strides: Any = None,
) -> Any:
    """The input's gradient is a convolution; the kernel's is Conv's with input and gradient exchanged."""
    how = {
        "auto_pad": auto_pad,
        "dilations": dilations,
        "kernel_shape": kernel_shape,
        "pads": pads,
        "strides": strides,
    }
    win = transposed_window(y, x, w, **how, output_padding=output_padding, output_shape=output_shape)
    read, inner = _within_reach(op, g, win)
    return (
        lambda: op.Conv(
            read,
            w,
            kernel_shape=win.kernel,
            strides=win.strides,
            dilations=win.dilations,
            pads=inner.pads,
            group=group,
        ),
        lambda: kernel_gradient(op, read, x, w, inner, group),
        lambda: _bias_gradient(op, g, win),
    )


def transposed_window(
    y: Any,
    x: Any,
    w: Any,
    *,
    auto_pad: str = "NOTSET",
    dilations: Any = None,
    kernel_shape: Any = None,
    output_padding: Any = None,
    output_shape: Any = None,
    pads: Any = None,
    strides: Any = None,
    **_: Any,
) -> Window:
    """Return the window of a ConvTranspose, its padding worked out from its output where it is not given."""
    win = window(x, kernel_shape or spatial(w, _dims(w)), strides, dilations, pads)
    if output_shape is not None or auto_pad != "NOTSET":
        win = _transposed_padding(x, y, win, auto_pad, output_padding or [0] * len(win.kernel))
    return win


def _within_reach(op: Any, g: Any, win: Window) -> tuple[Any, Window]:
    """Cut off what a larger `output_shape` adds beyond every kernel: padding below zero is no padding of a Conv."""
    if min(win.pads) >= 0:
        return g, win
    d = len(win.kernel)
    ends = [min(e, 0) or np.iinfo(np.int64).max for e in win.end]
    cut = op.Slice(g, [max(0, -b) for b in win.begin], ends, list(range(2, 2 + d)))
    return cut, Window(
        win.kernel, win.strides, win.dilations, [max(0, b) for b in win.begin], [max(0, e) for e in win.end]
    )


def _dims(w: Any) -> int:
    return len(dimensions(w) or []) - 2


def _bias_gradient(op: Any, g: Any, win: Window) -> Any:
    return op.ReduceSum(g, [0, *range(2, 2 + len(win.kernel))], keepdims=0)


def input_gradient(op: Any, g: Any, x: Any, w: Any, win: Window, group: int) -> Any:
    """Return Conv's gradient towards x: flipped kernels where the steps are 1, ConvTranspose elsewhere."""
    margins = [s - 1 - p for s, p in zip(win.spans * 2, win.pads, strict=True)]
    if set(win.strides) == {1} and min(margins) >= 0:
        flipped = flip(op, w, group, len(win.kernel))
        return op.Conv(
            g, flipped, kernel_shape=win.kernel, dilations=win.dilations, pads=margins, group=group
        )
    lengths, out = known_spatial(x, len(win.kernel)), known_spatial(g, len(win.kernel))
    if lengths is not None and out is None:
        out = _output_lengths(lengths, win)
    if lengths is None or out is None:
        return _cropped(op, g, x, w, win, group)
    extra = [
        n - (s * (o - 1) + span - b - e)
        for n, s, o, span, b, e in zip(lengths, win.strides, out, win.spans, win.begin, win.end, strict=True)
    ]
    return op.ConvTranspose(
        g,
        w,
        kernel_shape=win.kernel,
        strides=win.strides,
        dilations=win.dilations,
        pads=win.pads,
        output_padding=extra,
        group=group,
    )


def _output_lengths(lengths: list[int], win: Window) -> list[int]:
    return [
        (n + b + e - span) // s + 1
        for n, b, e, span, s in zip(lengths, win.begin, win.end, win.spans, win.strides, strict=True)
    ]


def _cropped(op: Any, g: Any, x: Any, w: Any, win: Window, group: int) -> Any:
    """Where lengths are unknown: the whole transposed convolution, then x's part of it, zeros behind its end."""
    d = len(win.kernel)
    full = op.ConvTranspose(
        g, w, kernel_shape=win.kernel, strides=win.strides, dilations=win.dilations, group=group
    )
    full = op.Pad(full, [0] * (d + 4) + [s - 1 for s in win.strides])
    lengths = op.Slice(op.Shape(x), [2], [2 + d])
    begin = np.array(win.begin, np.int64)
    return op.Slice(full, begin, op.Add(lengths, begin), list(range(2, 2 + d)))


def flip(op: Any, w: Any, group: int, d: int) -> Any:
    """Return kernels (M, C/g, ...) as the (C, M/g, ...) reversed in space that undo them."""
    axes = list(range(2, 2 + d))
    shape = static_shape(w)
    if shape is None:
        raise ValueError(f"the shape of the kernels {w.name!r} must be known")
    m, c, *k = shape
    if group == 1:
        w = op.Transpose(w, perm=[1, 0, *axes])
    elif c != 1 or m != group:
        w = op.Reshape(w, [group, m // group, c, *k])
        w = op.Reshape(op.Transpose(w, perm=[0, 2, 1, *(a + 1 for a in axes)]), [group * c, m // group, *k])
    if all(n == 1 for n in k):
        return w
    return op.Slice(w, [-1] * d, [np.iinfo(np.int64).min + 1] * d, axes, [-1] * d)


def kernel_gradient(op: Any, x: Any, g: Any, w: Any, win: Window, group: int) -> Any:
    """Return the kernels' gradient: a convolution over the batch in which steps and gaps change places."""
    d = len(win.kernel)
    out = op.Conv(
        _batch_as_channels(op, x, group, d),
        _batch_as_kernel(op, g, group, d),
        strides=win.dilations,
        dilations=win.strides,
        pads=win.pads,
        group=group,
    )
    out = op.Slice(out, [0] * d, win.kernel, list(range(2, 2 + d)))
    return op.Transpose(out, perm=[1, 0, *range(2, 2 + d)])


def _batch_as_channels(op: Any, x: Any, group: int, d: int) -> Any:
    if group == 1:
        return op.Transpose(x, perm=[1, 0, *range(2, 2 + d)])
    # (N, g C', ...) -> (N, g, C', ...) -> (C', g, N, ...) -> (C', g N, ...)
    split = _split_channels(op, x, group, d)
    turned = op.Transpose(split, perm=[2, 1, 0, *range(3, 3 + d)])
    return op.Reshape(
        turned,
        op.Concat(
            op.Slice(op.Shape(turned), [0], [1]), [-1], op.Slice(op.Shape(turned), [3], [3 + d]), axis=0
        ),
    )


def _batch_as_kernel(op: Any, g: Any, group: int, d: int) -> Any:
    if group == 1:
        return op.Transpose(g, perm=[1, 0, *range(2, 2 + d)])
    # (N, g M', ...) -> (g M', N, ...)
    return op.Transpose(g, perm=[1, 0, *range(2, 2 + d)])


def _split_channels(op: Any, x: Any, group: int, d: int) -> Any:
    shape = op.Shape(x)
    return op.Reshape(
        x, op.Concat(op.Slice(shape, [0], [1]), [group, -1], op.Slice(shape, [2], [2 + d]), axis=0)
    )


def _transposed_padding(x: Any, y: Any, win: Window, auto_pad: str, extra: list[int]) -> Window:
    """Return the padding that `output_shape` or SAME implies; an output longer than all kernels reach grows at its end."""
    d = len(win.kernel)
    begin, end = [], []
    for n, o, s, span, e in zip(spatial(x, d), spatial(y, d), win.strides, win.spans, extra, strict=True):
        total = s * (n - 1) + e + span - o
        begin.append(0 if total < 0 else total // 2 if auto_pad == "SAME_UPPER" else total - total // 2)
        # what output_padding adds at the end is no padding to take away
        end.append(total - begin[-1] - e)
    return Window(win.kernel, win.strides, win.dilations, begin, end)
