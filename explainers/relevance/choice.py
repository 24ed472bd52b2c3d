"""Look at a graph and say which composite suits it."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from ..graph.explanation import ExplanationGraph
from ..graph.paths import find_path
from ..graph.table import Table
from .composites import COMPOSITES, Composite, choose
from .families import family_of, is_gate

RECURRENT = ("LSTM", "GRU", "RNN")


def choose_for(graph: ExplanationGraph, name: str) -> Composite:
    """Return a composite by name; `auto` by what lies between inputs and target."""
    if name != "auto":
        return COMPOSITES[name]
    path = find_path(
        graph.model.graph, {v for leaf in graph.leaves for v in leaf.values}, graph.target, _Every()
    )
    families = {n: family_of(n, path.active) for n in path.nodes}
    products = [n for n, family in families.items() if family == "bilinear"]
    attention = any(is_gate(v, ("Softmax",)) for n in products for v in n.inputs)
    tokens = any(leaf.kind == "embedding" for leaf in graph.leaves)
    return choose(
        {n.op_type for n in path.nodes}, attention=attention, recurrent=_recurrent(path.nodes), tokens=tokens
    )


class _Every(Table):
    def __contains__(self, name: object) -> bool:
        return True


def _recurrent(nodes: Sequence[ir.Node]) -> bool:
    """Say whether the nodes hold an unrolled recurrence: gates of a state that was gated before."""
    gates = [
        n
        for n in nodes
        if n.op_type == "Mul" and any(is_gate(v, ("Sigmoid", "HardSigmoid")) for v in n.inputs)
    ]
    return any(n.op_type in RECURRENT or "unrolled" in n.metadata_props for n in nodes) or (
        len(gates) > 2 and any(n.op_type == "Tanh" for n in nodes)
    )
