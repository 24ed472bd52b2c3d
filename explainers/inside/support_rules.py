"""Which cells of a node's input its output's cells depend on, operator by operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import onnx_ir as ir

from ..graph.build import static_shape
from ..graph.table import attributes
from ..ops.convolution import transposed_window
from ..ops.movement import constant_ints
from ..ops.windows import Window
from ..ops.windows import window as window_of
from ..types import Array
from .supports import Support, in_groups, spread, strewn, unbroadcast, window


@dataclass(frozen=True)
class Question:
    """Which cells of one input of a node do these cells `s` of one of its outputs depend on? All shapes are known."""

    s: Support
    node: ir.Node
    output: int
    input: int

    @cached_property
    def dims(self) -> list[int]:
        """The lengths of the input."""
        return lengths(self.node.inputs[self.input])

    @cached_property
    def a(self) -> dict[str, Any]:
        """The node's attributes."""
        return attributes(self.node)

    @property
    def rows(self) -> int:
        """How many questions are asked at once."""
        return len(self.s[0])

    def axis(self, default: int = 0, rank: int = 0) -> int:
        """Return the attribute `axis`, counted from the front."""
        return int(self.a.get("axis", default)) % (rank or len(self.s))

    def ints(self, i: int) -> Any:
        """Return a whole-number input: None where it is absent, False where only the run knows it."""
        return constant_ints(self.node.inputs[i]) if i < len(self.node.inputs) else None

    def every(self, n: int) -> Array:
        """Return a whole axis."""
        return np.ones((self.rows, n), bool)


Rule = Callable[[Question], "Support | None"]
Table = dict[str, Rule]
RULES: Table = {}


def into(table: Table, *operators: str, first: bool = False) -> Callable[[Rule], Rule]:
    """Register a function that answers for these operators; None from it, or, with `first`, another input: nothing is known."""

    def register(function: Rule) -> Rule:
        def answer(q: Question) -> Support | None:
            return None if first and q.input else function(q)

        table.update(dict.fromkeys(operators, answer))
        return function

    return register


rule = partial(into, RULES)


def lengths(v: ir.Value | None) -> list[int]:
    """Return the lengths of a tensor, which must be known."""
    dims = static_shape(v) if v is not None else None
    if dims is None:
        raise ValueError(f"the shape of {v and v.name!r} is not known")
    return dims


# ---- cell by cell


@rule(
    "Abs", "Acos", "Acosh", "Add", "And", "Asin", "Asinh", "Atan", "Atanh", "Cast", "CastLike", "Ceil",
    "Celu", "Clip", "Cos", "Cosh", "DequantizeLinear", "Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Expand", "Floor", "Gelu",
    "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Less", "LessOrEqual",
    "Log", "Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "QuantizeLinear", "Reciprocal", "Relu",
    "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Swish", "Tan",
    "Tanh", "ThresholdedRelu", "Trilu", "Where", "Xor",
)  # fmt: skip
def _same(q: Question) -> Support:
    return unbroadcast(q.s, q.dims)


@rule("BatchNormalization")
def _by_channel(q: Question) -> Support:
    return [q.s[1]] if q.input else q.s


# ---- windows


def _window(q: Question) -> Window:
    kernel = q.a.get("kernel_shape") or lengths(q.node.inputs[1])[2:]
    strides, dilations, pads = (q.a.get(n) for n in ("strides", "dilations", "pads"))
    return window_of(q.node.inputs[0], kernel, strides, dilations, pads, q.a.get("auto_pad", "NOTSET"))


def _along(read: Callable[..., Array], q: Question, w: Window) -> Support:
    steps = zip(q.s[2:], q.dims[2:], w.kernel, w.strides, w.dilations, w.begin, strict=True)
    return [read(*step) for step in steps]


@rule("Conv", first=True)
def _conv(q: Question) -> Support:
    return [q.s[0], in_groups(q.s[1], q.a.get("group", 1), q.dims[1]), *_along(window, q, _window(q))]


@rule("ConvTranspose", first=True)
def _conv_transpose(q: Question) -> Support:
    w = transposed_window(q.node.outputs[0], q.node.inputs[0], q.node.inputs[1], **q.a)
    return [q.s[0], in_groups(q.s[1], q.a.get("group", 1), q.dims[1]), *_along(strewn, q, w)]


@rule("MaxPool", "AveragePool", "LpPool")
def _pool(q: Question) -> Support:
    return [*q.s[:2], *_along(window, q, _window(q))]


@rule("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "InstanceNormalization", first=True)
def _all_of_space(q: Question) -> Support:
    return _over(q, range(2, len(q.dims)))


@rule("GroupNormalization", first=True)
def _in_groups(q: Question) -> Support:
    return [q.s[0], in_groups(q.s[1], q.a["num_groups"], q.dims[1]), *_over(q, range(2, len(q.dims)))[2:]]


@rule("LRN")
def _near_channels(q: Question) -> Support:
    size = q.a["size"]
    return [q.s[0], window(q.s[1], q.dims[1], size, 1, 1, (size - 1) // 2), *q.s[2:]]


# ---- whole axes


def _over(q: Question, axes: Iterable[int]) -> Support:
    whole = {a % len(q.dims) for a in axes}
    return [spread(m, n) if a in whole else m for a, (m, n) in enumerate(zip(q.s, q.dims, strict=True))]


@rule("Softmax", "LogSoftmax", "LpNormalization", "TopK", "Hardmax", first=True)
def _along_axis(q: Question) -> Support:
    return _over(q, [q.axis(-1)])


@rule("CumSum", first=True)
def _cumulative(q: Question) -> Support | None:
    axis = q.ints(1)
    return _over(q, axis) if axis else None


@rule("LayerNormalization", "RMSNormalization", first=True)
def _trailing(q: Question) -> Support | None:
    return None if q.output else _over(q, range(q.axis(-1), len(q.s)))


@rule("MeanVarianceNormalization")
def _over_axes(q: Question) -> Support:
    return _over(q, q.a.get("axes", [0, 2, 3]))


@rule(
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
    "ReduceSumSquare", "ArgMax", "ArgMin", first=True,
)  # fmt: skip
def _reduced(q: Question) -> Support | None:
    given = [q.a.get("axis", 0)] if q.node.op_type.startswith("Arg") else q.ints(1)
    if given is False:
        return None
    if not given and q.a.get("noop_with_empty_axes"):
        return q.s
    axes = {g % len(q.dims) for g in given or range(len(q.dims))}
    kept = iter([m for k, m in enumerate(q.s) if not (q.a.get("keepdims", 1) and k in axes)])
    return [q.every(n) if k in axes else next(kept) for k, n in enumerate(q.dims)]


# ---- products


@rule("Gemm")
def _gemm(q: Question) -> Support:
    if q.input == 2:
        return unbroadcast(q.s, q.dims)
    turned = q.a.get("transB" if q.input else "transA", 0)
    mine = 1 - q.input if turned else q.input
    return [q.s[q.input] if k == mine else q.every(n) for k, n in enumerate(q.dims)]


@rule("MatMul")
def _mat_mul(q: Question) -> Support | None:
    if any(len(lengths(x)) < 2 for x in q.node.inputs):
        return None
    lead = unbroadcast(q.s[:-2], q.dims[:-2])
    return [*lead, q.every(q.dims[-2]), q.s[-1]] if q.input else [*lead, q.s[-2], q.every(q.dims[-1])]


@rule("Einsum")
def _einsum(q: Question) -> Support | None:
    left, arrow, right = str(q.a["equation"]).replace(" ", "").partition("->")
    if "." in left or not arrow:
        return None
    named = dict(zip(right, q.s, strict=True))
    labels = zip(left.split(",")[q.input], q.dims, strict=True)
    return [named[label] if label in named else q.every(n) for label, n in labels]
