"""Gradients whose Relu is another one: guided backpropagation and DeconvNet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir

from ..graph.explanation import ExplanationGraph
from ..graph.table import Backward, Table, key
from ..ops import VJPS


def guided(op: Any, g: Any, y: Any, x: Any) -> Any:
    """Pass max(g, 0) where the Relu is active."""
    return op.Mul(op.Relu(g), op.Sign(y))


def deconvolved(op: Any, g: Any, y: Any, x: Any) -> Any:
    """Pass max(g, 0)."""
    return op.Relu(g)


def pull(graph: ExplanationGraph, relu: Callable[..., Any]) -> dict[str, Any]:
    """Return what arrives at the inputs; a token gets the sum over its embedding of value times what arrives."""
    table: Table = VJPS | {"Relu": Backward(relu)}

    def label(node: ir.Node) -> str:
        return relu.__name__ if key(node) == "Relu" else "vjp"

    arrived = graph.pull({graph.target: graph.weights}, table, label=label)
    return graph.attributions(arrived, lambda x, g: graph.op.Mul(x, g) if graph.is_embedding(x) else g)
