"""Where the axes of a tensor go through nodes that only move, copy or scale it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx_ir as ir

from ..graph.build import dimensions, static_shape
from ..graph.table import attributes
from ..ops.movement import constant_ints

Axes = list[tuple[int, ...]]
"""Per axis of a tensor, the axes of the first tensor that it is made of."""
_ALONG = frozenset(
    {"Identity", "Cast", "CastLike", "Dropout", "Slice", "Pad", "QuantizeLinear", "DequantizeLinear", "Clip"}
)


def carried(node: ir.Node, i: int, axes: Axes) -> Axes | None:
    """Return the axes in the node's output; None: it does more than to move, copy or scale its input `i`."""
    if node.op_type in ("Mul", "Div", "Where", "Add"):
        return axes if _scales(node, i, axes) else None
    if i:
        return None
    if node.op_type in _ALONG:
        return axes
    if node.op_type == "Transpose":
        perm = attributes(node).get("perm") or list(range(len(axes)))[::-1]
        return [axes[a] for a in perm]
    if node.op_type == "Unsqueeze":
        return _unsqueezed(node, axes)
    if node.op_type in ("Reshape", "Squeeze", "Flatten", "Expand"):
        return _reshaped(node, axes)
    return None


def _scales(node: ir.Node, i: int, axes: Axes) -> bool:
    """Say whether the other operand is a constant number, or a mask of the same axes that is chosen by."""
    others = [v for k, v in enumerate(node.inputs) if k != i and v is not None]
    if node.op_type == "Where":
        # probabilities where something holds, one number elsewhere
        value = node.inputs[3 - i] if i else None
        return value is not None and (dims := static_shape(value)) is not None and math.prod(dims) == 1
    if node.op_type == "Add" or (node.op_type == "Div" and i):
        return False
    small = [v.const_value is not None and v.const_value.size == 1 for v in others]
    return all(small) and len(axes) >= max((len(dimensions(v) or []) for v in others), default=0)


def _unsqueezed(node: ir.Node, axes: Axes) -> Axes | None:
    given = constant_ints(node.inputs[1])
    if not given:
        return None
    rank = len(axes) + len(given)
    fresh, old = {a % rank for a in given}, iter(axes)
    return [() if a in fresh else next(old) for a in range(rank)]


def _reshaped(node: ir.Node, axes: Axes) -> Axes | None:
    """Match runs of axes of equal size; what is split goes to the part of the same length, or to the first."""
    before, after = (
        dimensions(node.inputs[0]) if node.inputs[0] is not None else None,
        dimensions(node.outputs[0]),
    )
    if before is None or after is None:
        return None
    sizes = _sizes([*before, *after])
    found = _matched(axes, sizes[: len(before)], sizes[len(before) :])
    # lengths that nobody knows: axes of the same number are taken for the same
    return axes if found is None and len(before) == len(after) else found


def _matched(axes: Axes, ins: Sequence[int], outs: Sequence[int]) -> Axes | None:
    """Match from the last axis on: what has no known length, such as items folded with heads, is in front."""
    found: Axes = []
    i, j = len(ins), len(outs)
    while i > 0 or j > 0:
        i2, j2 = max(i - 1, 0), max(j - 1, 0)
        while (left := math.prod(ins[i2:i])) != (right := math.prod(outs[j2:j])):
            if i2 == 0 and j2 == 0:
                if max(left, right) < _PRIMES[0]:
                    return None
                break
            i2, j2 = (i2 - 1, j2) if (left < right and i2) or not j2 else (i2, j2 - 1)
        found = _shared(axes[i2:i], ins[i2:i], outs[j2:j]) + found
        i, j = i2, j2
    return found


def _shared(axes: Axes, ins: Sequence[int], outs: Sequence[int]) -> Axes:
    if len(outs) == 1:
        return [tuple(a for own in axes for a in own)]
    left = list(zip(axes, ins, strict=True))
    found: Axes = []
    for n in outs:
        match = next((k for k, (_, size) in enumerate(left) if size == n), None)
        found.append(left.pop(match)[0] if match is not None else ())
    if left and found:
        found[0] += tuple(a for own, _ in left for a in own)
    return found


def _sizes(dims: Sequence[int | str | None]) -> list[int]:
    """Return lengths, a large prime of its own for every symbol."""
    symbols = list(dict.fromkeys(d for d in dims if not isinstance(d, int)))
    return [d if isinstance(d, int) else _PRIMES[symbols.index(d) % len(_PRIMES)] for d in dims]


_PRIMES = (1_000_003, 1_000_033, 1_000_037, 1_000_039, 1_000_081)
