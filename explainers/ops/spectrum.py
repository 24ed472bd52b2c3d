"""Fourier transforms: linear, so each one's derivative is its adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.build import dimensions
from ..graph.table import vjp
from .movement import constant_ints, number_cells


@vjp("DFT")
def dft(
    op: Any,
    g: Any,
    y: Any,
    x: Any,
    length: Any = None,
    axis: Any = None,
    *,
    inverse: int = 0,
    onesided: int = 0,
) -> Any:
    """The adjoint of a transform of length n is n times its inverse; what was cut or padded is padded or cut."""
    at = _known(axis, "axis", x, -2) % len(dimensions(x) or [])
    n = _known(length, "length", x, _default_length(x, at, inverse, onesided))
    if inverse and onesided:
        return _halved(op, g, x, at, n), None, None
    if onesided:
        g = _resized(op, g, at, n // 2 + 1, n)
    turned = _transform(op, g, at, inverse=1 - inverse)
    turned = op.Mul(turned, 1.0 / n if inverse else float(n))
    turned = _resized(op, turned, at, n, _length(x, at))
    return (op.Slice(turned, [0], [1], [-1]) if _length(x, -1) == 1 else turned), None, None


def _default_length(x: Any, at: int, inverse: int, onesided: int) -> int:
    return 2 * (_length(x, at) - 1) if inverse and onesided else _length(x, at)


def _halved(op: Any, g: Any, x: Any, at: int, n: int) -> Any:
    """One half of a spectrum to a real signal: every frequency but the first and the middle stands for two."""
    bins = n // 2 + 1
    twice = np.full(bins, 2.0 / n)
    twice[0] = 1.0 / n
    if n % 2 == 0:
        twice[-1] = 1.0 / n
    shape = [bins if i == at else 1 for i in range(len(dimensions(x) or []))]
    full = _transform(op, op.Concat(g, op.Mul(g, 0.0), axis=-1), at, inverse=0)
    half = op.Mul(
        op.Slice(full, [0], [bins], [at]), op.constant(twice.reshape(shape).astype(g.dtype.numpy()))
    )
    return _resized(op, half, at, bins, _length(x, at))


def _transform(op: Any, g: Any, at: int, *, inverse: int) -> Any:
    version = op.graph.opset_imports.get("", 23)
    if version < 20:
        return op.DFT(g, None, axis=at, inverse=inverse)
    return op.DFT(g, None, op.constant(np.array(at, np.int64)), inverse=inverse)


def _resized(op: Any, v: Any, at: int, have: int, want: int) -> Any:
    if have < want:
        return op.Pad(v, [0, want - have], None, [at])
    return op.Slice(v, [0], [want], [at]) if have > want else v


def _known(v: Any, what: str, x: Any, default: int) -> int:
    value = constant_ints(v)
    if value is False:
        raise ValueError(f"the {what} of the transform of {x.name!r} must be known")
    return int(value[0]) if value else default


def _length(x: Any, at: int) -> int:
    n = (dimensions(x) or [])[at]
    if not isinstance(n, int):
        raise ValueError(f"axis {at} of {x.name!r} must be known to transform along it")
    return n


@vjp("STFT")
def stft(
    op: Any, g: Any, y: Any, x: Any, step: Any, window: Any = None, length: Any = None, *, onesided: int = 1
) -> Any:
    """Each frame's adjoint transform, weighted by the window, is added to where the frame was read."""
    hop = _known(step, "step", x, 1)
    n = _known(length, "frame length", x, _length(window, 0) if window is not None else _length(x, 1))
    parts = _length(x, -1)
    at = np.arange(0, _length(x, 1) - n + 1, hop)[:, None] + np.arange(n)
    if onesided:
        g = _resized(op, g, 2, n // 2 + 1, n)
    frames = op.Mul(_transform(op, g, 2, inverse=1), float(n))
    frames = op.Slice(frames, [0], [parts], [-1])

    def to_signal() -> Any:
        weighted = frames if window is None else op.Mul(frames, op.Unsqueeze(window, [1]))
        chosen = op.Gather(number_cells(op, x), at.astype(np.int64), axis=1)
        flat = op.Reshape(op.zeros_like(x), [-1])
        flat = op.ScatterElements(
            flat, op.Reshape(chosen, [-1]), op.Reshape(weighted, [-1]), axis=0, reduction="add"
        )
        return op.reshape_like(flat, x)

    def to_window() -> Any:
        return op.ReduceSum(op.Mul(frames, op.Gather(x, at.astype(np.int64), axis=1)), [0, 1, 3], keepdims=0)

    return to_signal, None, to_window, None
