"""Which way relevance takes through each family, and what it asks of an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir

from ..graph.constant import constant_value
from ..graph.table import VJPS, key
from .normalisation import NORMS, through_normalisation
from .passage import (
    Passage,
    as_moved,
    by_contribution,
    by_product,
    pass_on,
    share_evenly,
    stop,
    through_quantiser,
    through_softmax,
)

PASSAGES: dict[str, Callable[[Passage], list[Any]]] = {
    "bilinear": by_product,
    "gate": share_evenly,
    "scaling": pass_on,
    "activation": pass_on,
    "sum": by_contribution,
    "average": by_contribution,
    "winner": as_moved,
    "movement": as_moved,
    "normalisation": through_normalisation,
    "softmax": through_softmax,
    "quantiser": through_quantiser,
}
OVERRIDES: dict[str, Callable[[Passage], list[Any]]] = {
    "pass": pass_on,
    "norm": by_contribution,
    "uniform": share_evenly,
    "zero": stop,
}
"""Rules by name that a list of matches may give to a node of any family."""
_NEEDS_VJP = frozenset({"linear", "bilinear", "sum", "average", "winner", "movement"})


def lacks_vjp(node: ir.Node, family: str) -> bool:
    """Say whether a family's rule would ask for a VJP that there is not."""
    if family == "normalisation":
        return node.op_type not in NORMS
    return (family in _NEEDS_VJP or node.op_type == "QuantizeLinear") and key(node) not in VJPS


def vanishes_with(node: ir.Node, family: str) -> bool | None:
    """Say whether what the input receives is 0 where the input is 0: always, never, or (None) if it is so for the output."""
    if family in ("bilinear", "sum", "average", "softmax"):
        return True
    if family == "normalisation":
        return True if NORMS.get(node.op_type) is not pass_on else None
    if family == "quantiser" or (family == "activation" and not _zero_at_zero(node)):
        return False
    return None


_ZERO_AT_ZERO = frozenset(
    {
        "Relu",
        "LeakyRelu",
        "PRelu",
        "Elu",
        "Celu",
        "Selu",
        "Gelu",
        "HardSwish",
        "Mish",
        "Swish",
        "Tanh",
        "Softsign",
        "Erf",
        "Sqrt",
        "Abs",
        "Sin",
        "Tan",
        "Asin",
        "Atan",
        "Sinh",
        "Asinh",
        "Atanh",
        "ThresholdedRelu",
    }
)


def _zero_at_zero(node: ir.Node) -> bool:
    if node.op_type == "Clip":
        bounds = [constant_value(v) for v in node.inputs[1:3]]
        return bool(bounds) and bounds[0] is not None and float(bounds[0]) <= 0
    return node.op_type in _ZERO_AT_ZERO
