"""What the graph proves about the sign of a tensor, before any run."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from ..graph.constant import constant_value
from ..graph.paths import is_float

_NOT_NEGATIVE = frozenset(
    {
        "Relu",
        "Sigmoid",
        "HardSigmoid",
        "Softmax",
        "Softplus",
        "Exp",
        "Abs",
        "Sqrt",
        "ThresholdedRelu",
        "ReduceL1",
        "ReduceL2",
        "ReduceSumSquare",
    }
)
_KEEPS = frozenset(
    {
        "MaxPool",
        "AveragePool",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "ReduceMax",
        "ReduceMin",
        "ReduceMean",
        "ReduceSum",
        "Identity",
        "Dropout",
        "Cast",
        "CastLike",
        "Reshape",
        "Flatten",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "Expand",
        "Slice",
        "Split",
        "Gather",
        "GatherElements",
        "GatherND",
        "Tile",
        "DepthToSpace",
        "SpaceToDepth",
        "TopK",
        "LpPool",
        "LeakyRelu",
        "Elu",
        "Celu",
        "Selu",
        "Gelu",
        "HardSwish",
        "Tanh",
        "Erf",
        "Softsign",
        "Atan",
        "Asinh",
        "Sinh",
    }
)
_ALL = frozenset({"Concat", "Add", "Sum", "Mean", "Mul", "Min", "Div"})


class Signs:
    """Answers whether a tensor is provably ≥ 0 (+1) or ≤ 0 (-1), for any input; 0 where that is not known."""

    def __init__(self) -> None:
        self._known: dict[ir.Value, int] = {}

    def __call__(self, v: ir.Value | None) -> int:
        """Return +1, -1 or 0."""
        if v is None:
            return 0
        stack = [v]
        while stack:
            top = stack[-1]
            missing = [x for x in _reads(top) if x not in self._known]
            if top in self._known or not missing:
                self._known.setdefault(top, self._of(top))
                stack.pop()
            else:
                # what lies on a circle cannot be: graphs have none
                stack.extend(missing)
        return self._known[v]

    def _of(self, v: ir.Value) -> int:
        a = constant_value(v)
        if a is not None:
            return (
                0
                if a.dtype.kind not in "fiu" or not a.size
                else 1
                if a.min() >= 0
                else -1
                if a.max() <= 0
                else 0
            )
        node = v.producer()
        if v.dtype is not None and not is_float(v) and str(v.dtype).lower().startswith("uint"):
            return 1
        if node is None:
            return 0
        kind, signs = node.op_type, [self._known.get(x, 0) for x in node.inputs if x is not None]
        if kind in _NOT_NEGATIVE:
            return 1
        if kind in _KEEPS:
            return signs[0]
        if kind in _ALL:
            return _joined(kind, signs)
        rule = _OTHERS.get(kind)
        return rule(node, signs) if rule is not None else 0


def _reads(v: ir.Value) -> list[ir.Value]:
    node = v.producer()
    if node is None or constant_value(v) is not None or node.op_type in _NOT_NEGATIVE:
        return []
    if node.op_type in _KEEPS:
        return [x for x in node.inputs[:1] if x is not None]
    return (
        [x for x in node.inputs if x is not None] if node.op_type in _ALL or node.op_type in _OTHERS else []
    )


def _joined(kind: str, signs: list[int]) -> int:
    if kind in ("Mul", "Div"):
        return signs[0] * signs[1]
    return signs[0] if len(set(signs)) == 1 else 0


def _of_max(node: ir.Node, signs: list[int]) -> int:
    return 1 if 1 in signs else -1 if set(signs) == {-1} else 0


def _of_clip(node: ir.Node, signs: list[int]) -> int:
    low, high = [constant_value(v) for v in (*node.inputs[1:3], None, None)][:2]
    if low is not None and float(low) >= 0:
        return 1
    if high is not None and float(high) <= 0:
        return -1
    keeps_zero = (low is None or float(low) <= 0) and (high is None or float(high) >= 0)
    return signs[0] if keeps_zero else 0


def _of_pad(node: ir.Node, signs: list[int]) -> int:
    value = node.inputs[2] if len(node.inputs) > 2 else None
    if value is None:
        return signs[0]
    filled = constant_value(value)
    if filled is None or filled.size != 1:
        return 0
    return signs[0] if float(filled.reshape(())) * signs[0] >= 0 else 0


def _of_pow(node: ir.Node, signs: list[int]) -> int:
    power = constant_value(node.inputs[1])
    return 1 if signs[0] > 0 or (power is not None and bool((power % 2 == 0).all())) else 0


def _of_where(node: ir.Node, signs: list[int]) -> int:
    return signs[1] if signs[1] == signs[2] else 0


_OTHERS: dict[str, Callable[[ir.Node, list[int]], int]] = {
    "Max": _of_max,
    "Clip": _of_clip,
    "Pad": _of_pad,
    "Pow": _of_pow,
    "Where": _of_where,
    "Neg": lambda node, signs: -signs[0],
    "Sub": lambda node, signs: signs[0] if signs[0] * signs[1] < 0 else 0,
    "LogSoftmax": lambda node, signs: -1,
    "PRelu": lambda node, signs: max(0, signs[0]),
    "Reciprocal": lambda node, signs: signs[0],
}
