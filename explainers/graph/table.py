"""Tables of backward rules: which function passes a cotangent back through which operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import onnx_ir as ir

Rule = Callable[..., Any]
"""`rule(op, g, y, *inputs, **attributes)` -> one value per input (None: nothing flows; a function: called if it is needed);
a bare value is the first input's and nothing flows to the others."""


@dataclass(frozen=True)
class Backward:
    """A rule and what the walk must know of its operator."""

    rule: Rule
    broadcasts: bool = False
    """The operator broadcasts as numpy does: results have y's shape and the walk sums them to each input's."""
    outputs: Literal["first", "all"] = "first"
    """`first`: g and y are those of output 0; `all`: tuples with one entry per output."""


Table = dict[str, Backward]
VJPS: Table = {}
NO_DERIVATIVE: dict[str, str] = {}
"""Operators that calculus gives no useful derivative, each with the reason."""


def key(node: ir.Node) -> str:
    """Return the name under which tables know a node's operator."""
    domain = "" if node.domain in ("", "ai.onnx") else node.domain + "::"
    return domain + node.op_type


def vjp(
    *operators: str, broadcasts: bool = False, outputs: Literal["first", "all"] = "first"
) -> Callable[[Rule], Rule]:
    """Register the decorated function as the vector-Jacobian product of these operators."""

    def register(rule: Rule) -> Rule:
        for operator in operators:
            if operator in VJPS or operator in NO_DERIVATIVE:
                raise RuntimeError(f"{operator} is registered twice")
            VJPS[operator] = Backward(rule, broadcasts, outputs)
        return rule

    return register


def rules(table: dict[str, Rule], *, broadcasts: bool = False) -> None:
    """Register a table of one-liners."""
    for operator, rule in table.items():
        vjp(operator, broadcasts=broadcasts)(rule)


def no_derivative(reason: str, *operators: str) -> None:
    """Register operators that have no derivative, with the reason a user will read."""
    for operator in operators:
        if operator in VJPS or operator in NO_DERIVATIVE:
            raise RuntimeError(f"{operator} is registered twice")
        NO_DERIVATIVE[operator] = reason


def attributes(node: ir.Node) -> dict[str, Any]:
    """Return a node's attributes as plain Python values, tensors and graphs as they are."""
    return {name: _plain(a) for name, a in node.attributes.items()}


def _plain(attribute: ir.Attr) -> Any:
    value = attribute.value
    if attribute.type in (ir.AttributeType.INTS, ir.AttributeType.FLOATS, ir.AttributeType.STRINGS):
        return list(value)
    return value
