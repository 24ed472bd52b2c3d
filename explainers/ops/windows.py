"""Arithmetic of sliding windows: padding made explicit, output sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..graph.build import dimensions


@dataclass(frozen=True)
class Window:
    """A window over d spatial axes: lengths, steps, gaps, and the padding before and after."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    begin: list[int]
    end: list[int]

    @property
    def spans(self) -> list[int]:
        """The extent of the dilated window along each axis."""
        return [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]

    @property
    def pads(self) -> list[int]:
        """Padding in ONNX's order: all begins, then all ends."""
        return [*self.begin, *self.end]


def window(
    x: Any,
    kernel: Sequence[int],
    strides: Sequence[int] | None,
    dilations: Sequence[int] | None,
    pads: Sequence[int] | None,
    auto_pad: str = "NOTSET",
) -> Window:
    """Return a node's window with `auto_pad` worked out from x's spatial lengths."""
    d = len(kernel)
    steps, gaps = list(strides or [1] * d), list(dilations or [1] * d)
    begin, end = list((pads or [0] * 2 * d)[:d]), list((pads or [0] * 2 * d)[d:])
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        begin, end = _same(spatial(x, d), kernel, steps, gaps, auto_pad)
    elif auto_pad == "VALID":
        begin, end = [0] * d, [0] * d
    return Window(list(kernel), steps, gaps, begin, end)


def _same(
    lengths: list[int], kernel: Sequence[int], strides: list[int], dilations: list[int], auto_pad: str
) -> tuple[list[int], list[int]]:
    begin, end = [], []
    for n, k, s, d in zip(lengths, kernel, strides, dilations, strict=True):
        total = max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
        less, more = total // 2, total - total // 2
        begin.append(less if auto_pad == "SAME_UPPER" else more)
        end.append(more if auto_pad == "SAME_UPPER" else less)
    return begin, end


def spatial(x: Any, d: int) -> list[int]:
    """Return the last d lengths of x, which must be known."""
    lengths = (dimensions(x) or [])[-d:]
    known = [n for n in lengths if isinstance(n, int)]
    if len(known) != d:
        raise ValueError(f"the spatial lengths of {x.name!r} must be known; give the input's shape")
    return known


def known_spatial(x: Any, d: int) -> list[int] | None:
    """Return the last d lengths of x if all are known."""
    lengths = (dimensions(x) or [])[-d:]
    known = [n for n in lengths if isinstance(n, int)]
    return known if len(known) == d else None
