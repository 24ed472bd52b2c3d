"""Take the branch of an If whose condition is known before the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx_ir as ir

from ..constant import constant_value
from .expand import replace_node
from .splice import splice


def take_branches(model: ir.Model, assume: Mapping[str, Any]) -> bool:
    """Put the taken branch of each If with a known condition in its place; say whether there was one.

    `assume` gives conditions by node name, known otherwise than from the graph.
    """
    found = [(n, assume.get(n.name or "", condition(n))) for n in model.graph if n.op_type == "If"]
    for node, known in found:
        if known is not None:
            body = node.attributes["then_branch" if known else "else_branch"].as_graph()
            replace_node(model.graph, node, splice(model.graph, node, body, {}, node.name or "If"))
    return any(known is not None for _, known in found)


def condition(node: ir.Node) -> bool | None:
    """Return an If's condition, None where only the run knows it."""
    known = constant_value(node.inputs[0])
    return None if known is None else bool(known.reshape(-1)[0])
