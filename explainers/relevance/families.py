"""Which family each operator is in, and who receives relevance from a node of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal

import onnx_ir as ir

from ..graph.constant import constant_value
from ..graph.paths import is_float
from ..graph.table import key

Family = Literal[
    "linear",
    "bilinear",
    "gate",
    "scaling",
    "activation",
    "sum",
    "average",
    "winner",
    "movement",
    "normalisation",
    "softmax",
    "quantiser",
]

FAMILIES: dict[str, str] = {
    "linear": "Conv ConvTranspose Gemm MatMul Einsum",
    "gate": "Mul",
    "scaling": "Div Neg",
    "activation": "Relu LeakyRelu PRelu Elu Celu Selu Gelu Sigmoid HardSigmoid HardSwish Mish Swish Tanh Softplus Softsign "
    "ThresholdedRelu Clip Erf Exp Log Sqrt Reciprocal Abs Pow Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh",
    "sum": "Add Sub Sum Mean",
    "average": "AveragePool GlobalAveragePool ReduceMean ReduceSum LpPool CumSum",
    "winner": "MaxPool GlobalMaxPool ReduceMax ReduceMin Max Min TopK MaxRoiPool",
    "movement": "Reshape Transpose Slice Split Concat Pad Expand Gather GatherElements GatherND Scatter ScatterElements "
    "ScatterND Squeeze Unsqueeze Tile DepthToSpace SpaceToDepth Identity Dropout Cast CastLike Flatten Where Trilu "
    "ReverseSequence Compress CenterCropPad Col2Im Upsample",
    "normalisation": "BatchNormalization LayerNormalization RMSNormalization InstanceNormalization GroupNormalization "
    "LpNormalization LRN MeanVarianceNormalization ai.onnx.ml::Normalizer",
    "softmax": "Softmax LogSoftmax",
    "quantiser": "QuantizeLinear DequantizeLinear",
}
_OF = {operator: family for family, operators in FAMILIES.items() for operator in operators.split()}
GATES = frozenset({"Sigmoid", "HardSigmoid", "Softmax"})
_CARRIES_A_GATE = frozenset(
    {
        "Identity",
        "Reshape",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "Expand",
        "Slice",
        "Split",
        "Cast",
        "Flatten",
        "Gather",
        "Tile",
        "Dropout",
        "Concat",
    }
)
_THROUGH_A_CONSTANT = frozenset({"Mul", "Div", "Add", "Sub"})


def family_of(node: ir.Node, active: Collection[ir.Value]) -> str | None:
    """Return the family of a node whose inputs in `active` carry signal; None where relevance has no rule for it."""
    family = _OF.get(key(node))
    special = _SPECIAL.get(node.op_type) if family or node.op_type == "Resize" else None
    return special(node, signals(node, active)) if special is not None else family


def signals(node: ir.Node, active: Collection[ir.Value]) -> list[int]:
    """Return which inputs of a node carry signal."""
    return [i for i, v in enumerate(node.inputs) if v is not None and v in active]


def _product(node: ir.Node, at: list[int]) -> str:
    return "scaling" if len(at) == 1 else "gate"


def _quotient(node: ir.Node, at: list[int]) -> str:
    # a signal over a signal is a normalisation written out: the deviation is detached
    return "activation" if at == [1] else "scaling"


def _matrix(node: ir.Node, at: list[int]) -> str:
    # a bias that carries signal adds it: then all are shares of one sum
    if 2 in at and node.op_type != "Einsum":
        return "sum"
    return "linear" if len(at) == 1 else "bilinear"


def _power(node: ir.Node, at: list[int]) -> str | None:
    return "activation" if at == [0] else None


def _resize(node: ir.Node, at: list[int]) -> str:
    mode = node.attributes["mode"].as_string() if "mode" in node.attributes else "nearest"
    return "movement" if mode == "nearest" else "average"


def _pool(node: ir.Node, at: list[int]) -> str | None:
    return "average" if "p" in node.attributes and node.attributes["p"].as_int() == 1 else None


_SPECIAL: dict[str, Callable[[ir.Node, list[int]], str | None]] = {
    "Mul": _product,
    "Div": _quotient,
    "MatMul": _matrix,
    "Gemm": _matrix,
    "Conv": _matrix,
    "ConvTranspose": _matrix,
    "Einsum": _matrix,
    "Pow": _power,
    "Resize": _resize,
    "Upsample": _resize,
    "LpPool": _pool,
}


def is_gate(v: ir.Value | None, kinds: Collection[str] = GATES) -> bool:
    """Say whether a tensor only scales others: what a Sigmoid or Softmax gave, moved, scaled or taken from a constant."""
    while v is not None and (node := v.producer()) is not None:
        if node.op_type in kinds or (_is_hard_sigmoid(node) and "HardSigmoid" in kinds):
            return True
        if node.op_type in _CARRIES_A_GATE:
            v = node.inputs[0]
            continue
        rest = [x for x in node.inputs if x is not None and is_float(x) and constant_value(x) is None]
        if node.op_type not in _THROUGH_A_CONSTANT or len(rest) != 1:
            return False
        v = rest[0]
    return False


def _is_hard_sigmoid(node: ir.Node) -> bool:
    """Say whether a Clip keeps its input between 0 and a bound, as in a HardSigmoid written out."""
    if node.op_type != "Clip" or len(node.inputs) < 3:
        return False
    low, high = constant_value(node.inputs[1]), constant_value(node.inputs[2])
    return low is not None and high is not None and float(low) == 0 and float(high) > 0


def recipients(
    node: ir.Node, family: str, active: Collection[ir.Value], *, halves: bool, softmax: bool
) -> list[int]:
    """Return which of a node's inputs receive relevance.

    `halves`: gates and bilinear operators share evenly; `softmax`: relevance passes a Softmax.
    """
    at = signals(node, active)
    if family == "softmax":
        return at if softmax else []
    if family == "normalisation" or node.op_type == "Div":
        return at[:1]
    if family == "gate" and not halves:
        return _signal_of(node, at, GATES)
    if family == "bilinear" and not softmax:
        # what a Softmax gives is a weight, held fixed
        return _signal_of(node, at, ("Softmax",))
    return at


def _signal_of(node: ir.Node, at: list[int], gates: Collection[str]) -> list[int]:
    signal = [i for i in at if not is_gate(node.inputs[i], gates)]
    return signal if len(signal) == 1 else at
