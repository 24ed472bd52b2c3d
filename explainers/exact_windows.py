"""Windows, pools and convolutions that ONNX's reference evaluator has wrong or lacks, in float64 as the standard has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun
from onnx.reference.ops import op_conv_transpose


class MaxPool(OpRun):
    """The package's own counts the cells of a winner within its plane, not within the tensor."""

    def _run(
        self,
        x: Any,
        auto_pad: Any = "NOTSET",
        ceil_mode: Any = 0,
        dilations: Any = None,
        kernel_shape: Any = None,
        pads: Any = None,
        storage_order: Any = 0,
        strides: Any = None,
    ) -> tuple[Any, ...]:
        d = len(kernel_shape)
        cells = _window_cells(
            x.shape[2:],
            kernel_shape,
            strides or [1] * d,
            dilations or [1] * d,
            pads or [0] * 2 * d,
            auto_pad,
            ceil_mode,
        )
        outside = cells[0] < 0
        flat = x.reshape(*x.shape[:2], -1)
        values = np.where(outside, -np.inf, flat[:, :, np.where(outside, 0, cells[0])])
        best = values.argmax(-1)
        y = np.take_along_axis(values, best[..., None], -1)[..., 0].astype(x.dtype)
        at = np.take_along_axis(np.broadcast_to(cells[storage_order], values.shape), best[..., None], -1)[
            ..., 0
        ]
        start = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *[1] * d) * flat.shape[-1]
        return (y, at + start) if len(self.output) > 1 else (y,)


def _window_cells(
    lengths: Any, kernel: Any, strides: Any, dilations: Any, pads: Any, auto_pad: Any, ceil_mode: Any
) -> list[Any]:
    """Return for each output position the flat cells of its window, row-major and column-major, -1 on the padding."""
    d, along = len(kernel), []
    for i, n in enumerate(lengths):
        span = dilations[i] * (kernel[i] - 1) + 1
        begin, end = pads[i], pads[d + i]
        if auto_pad.startswith("SAME"):
            total = max(0, (-(-n // strides[i]) - 1) * strides[i] + span - n)
            begin = (total + (auto_pad == "SAME_LOWER")) // 2
            end = total - begin
        count = (n + begin + end - span) // strides[i] + 1
        if ceil_mode and (n + begin + end - span) % strides[i] and count * strides[i] < n + begin:
            count += 1
        at = np.arange(count)[:, None] * strides[i] - begin + np.arange(kernel[i]) * dilations[i]
        along.append(np.where((at < 0) | (at >= n), -1, at))
    shaped = [
        a.reshape(
            [len(a) if j == i else 1 for j in range(d)] + [a.shape[1] if j == i else 1 for j in range(d)]
        )
        for i, a in enumerate(along)
    ]
    out = []
    for order in (range(d), reversed(range(d))):
        flat: Any = np.zeros([1] * 2 * d, np.int64)
        for i in order:
            flat = np.where((flat < 0) | (shaped[i] < 0), -1, flat * lengths[i] + shaped[i])
        out.append(flat.reshape(*flat.shape[:d], -1))
    return out


class LRN(OpRun):
    """The package's own stops after as many channels as there are items."""

    def _run(
        self, x: Any, alpha: Any = 1e-4, beta: Any = 0.75, bias: Any = 1.0, size: Any = None
    ) -> tuple[Any]:
        before, after = (size - 1) // 2, size // 2
        wide = np.pad(x**2, [(0, 0), (before, after), *[(0, 0)] * (x.ndim - 2)])
        squares = sum(wide[:, k : k + x.shape[1]] for k in range(size))
        return ((x / (bias + alpha / size * squares) ** beta).astype(x.dtype),)


class Pad(OpRun):
    """The package's own takes no negative padding, which crops."""

    def _run(
        self, x: Any, pads: Any, value: Any = None, axes: Any = None, mode: Any = "constant"
    ) -> tuple[Any]:
        on = [int(a) % x.ndim for a in axes] if axes is not None else range(x.ndim)
        begin, end = [0] * x.ndim, [0] * x.ndim
        for i, a in enumerate(on):
            begin[a], end[a] = int(pads[i]), int(pads[len(pads) // 2 + i])
        kept = x[tuple(slice(max(0, -b), n + min(0, e)) for b, e, n in zip(begin, end, x.shape, strict=True))]
        widths = [(max(0, b), max(0, e)) for b, e in zip(begin, end, strict=True)]
        if mode != "constant":
            return (np.pad(kept, widths, mode=mode),)
        return (
            np.pad(
                kept,
                widths,
                constant_values=np.zeros((), x.dtype) if value is None else np.asarray(value).item(),
            ),
        )


class DeformConv(OpRun):
    """The package's own keeps positions in float32."""

    def _run(
        self,
        x: Any,
        w: Any,
        offset: Any,
        b: Any = None,
        mask: Any = None,
        dilations: Any = None,
        group: Any = 1,
        kernel_shape: Any = None,  # noqa: ARG002 - the kernels' own shape says it
        offset_group: Any = 1,
        pads: Any = None,
        strides: Any = None,
    ) -> tuple[Any]:
        n, c, height, width = x.shape
        kh, kw = w.shape[2:]
        (sh, sw), (dh, dw), (top, left, *_) = strides or (1, 1), dilations or (1, 1), pads or (0,) * 4
        out = offset.shape[2:]
        split = offset.reshape(n, offset_group, kh, kw, 2, *out)
        rows = (
            np.arange(kh)[:, None, None, None] * dh
            + np.arange(out[0])[:, None] * sh
            - top
            + split[:, :, :, :, 0]
        )
        columns = np.arange(kw)[:, None, None] * dw + np.arange(out[1]) * sw - left + split[:, :, :, :, 1]
        per_group = x.reshape(n, offset_group, c // offset_group, height, width)
        read = np.stack(
            [
                [_bilinear(per_group[i, j], rows[i, j], columns[i, j]) for j in range(offset_group)]
                for i in range(n)
            ]
        )
        if mask is not None:
            read = read * mask.reshape(n, offset_group, 1, kh, kw, *out)
        parts = read.reshape(n, group, c // group, kh, kw, *out)
        kernels = w.reshape(group, w.shape[0] // group, c // group, kh, kw)
        y = np.einsum("ngcijhw,gmcij->ngmhw", parts, kernels).reshape(n, -1, *out)
        return ((y if b is None else y + b.reshape(1, -1, 1, 1)).astype(x.dtype),)


def _bilinear(image: Any, rows: Any, columns: Any) -> Any:
    """Read (C, H, W) between its cells; outside are zeros."""
    padded = np.pad(image, ((0, 0), (1, 2), (1, 2)))
    rows, columns = np.clip(rows, -1, image.shape[1]) + 1, np.clip(columns, -1, image.shape[2]) + 1
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    return (
        padded[:, top, left] * (1 - down) * (1 - right)
        + padded[:, top, left + 1] * (1 - down) * right
        + padded[:, top + 1, left] * down * (1 - right)
        + padded[:, top + 1, left + 1] * down * right
    )


class GlobalMaxPool(OpRun):
    """The package's own forgets the third axis of space."""

    def _run(self, x: Any) -> tuple[Any]:
        return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


class GlobalLpPool(OpRun):
    """The package has none."""

    def _run(self, x: Any, p: Any = 2) -> tuple[Any]:
        return (np.power(np.power(np.abs(x), p).sum(axis=tuple(range(2, x.ndim)), keepdims=True), 1.0 / p),)


class LpPool(OpRun):
    """The package's own takes averages for sums where a window hangs over the end."""

    def _run(
        self,
        x: Any,
        auto_pad: Any = "NOTSET",
        ceil_mode: Any = 0,
        dilations: Any = None,
        kernel_shape: Any = None,
        p: Any = 2,
        pads: Any = None,
        strides: Any = None,
    ) -> tuple[Any]:
        d = len(kernel_shape)
        cells = _window_cells(
            x.shape[2:],
            kernel_shape,
            strides or [1] * d,
            dilations or [1] * d,
            pads or [0] * 2 * d,
            auto_pad,
            ceil_mode,
        )[0]
        powers = np.append(np.abs(x.reshape(*x.shape[:2], -1)) ** p, np.zeros((*x.shape[:2], 1)), axis=2)
        return ((powers[:, :, cells].sum(-1) ** (1.0 / p)).astype(x.dtype),)


class ConvTranspose(op_conv_transpose.ConvTranspose):
    """The package's own mixes up the kernels of several groups."""

    def _run(self, x: Any, w: Any, b: Any = None, group: Any = 1, **attributes: Any) -> tuple[Any]:  # type: ignore[override]
        if group == 1:
            return tuple(super()._run(x, w, b, group=1, **attributes))  # type: ignore[no-untyped-call]
        parts = zip(np.split(x, group, axis=1), np.split(w, group, axis=0), strict=True)
        alone: Any = super()._run
        y = np.concatenate([alone(p, k, None, group=1, **attributes)[0] for p, k in parts], axis=1)
        return (y if b is None else y + b.reshape(1, -1, *[1] * (x.ndim - 2)),)


WINDOWS = [MaxPool, LRN, Pad, DeformConv, GlobalMaxPool, GlobalLpPool, LpPool, ConvTranspose]
