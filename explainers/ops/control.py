"""Branches that only the run decides, and what cannot be passed because only the run knows its length."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from ..graph.backward import backward
from ..graph.build import Builder
from ..graph.passes.splice import splice
from ..graph.paths import captured, find_path, is_float
from ..graph.table import VJPS, key, no_derivative, vjp


@vjp("If", outputs="all")
def if_(op: Any, g: Any, y: Any, condition: Any, *, then_branch: Any, else_branch: Any) -> Any:
    """An If whose branches are the branches' own backward passes; each computes its forward pass again."""
    outside = [v for v in captured(y[0].producer()) if is_float(v)]
    branches = [_backward_branch(op, branch, g, outside) for branch in (then_branch, else_branch)]
    found = op.If(condition, then_branch=branches[0], else_branch=branches[1], outputs=len(outside))
    found = found if isinstance(found, tuple) else (found,)
    for v, gx in zip(outside, found, strict=True):
        gx.dtype, gx.shape = v.dtype, v.shape
    arrived = dict(zip(outside, found, strict=True))
    return [None, *(arrived.get(v) for v in captured(y[0].producer()))]


def _backward_branch(op: Builder, branch: ir.Graph, gs: Any, outside: list[ir.Value]) -> ir.Graph:
    """Return a graph without inputs that gives the cotangents of the outer tensors."""
    name = op.name("branch")
    graph = ir.Graph([], [], nodes=[], opset_imports={}, name=name)
    outputs = splice(graph, None, branch, {}, name)
    inner = Builder(graph, prefix=f"{name}/back")
    seeds: dict[ir.Value, ir.Value] = {}
    for v, g in zip(outputs, gs, strict=True):
        if g is not None:
            seeds[v] = g if v not in seeds else inner.Add(seeds[v], g)
    paths = [find_path(graph, outside, v, VJPS) for v in seeds]
    blockers = [b for p in paths for b in p.blockers]
    if blockers:
        from ..graph.paths import blocked

        raise blocked(blockers)
    wanted = {n for p in paths for n in p.nodes}
    active = frozenset(v for p in paths for v in p.active)
    arrived = backward(inner, [n for n in graph if n in wanted], active, seeds, lambda n: VJPS[key(n)])
    graph.outputs.extend(inner.Identity(arrived[v]) if v in arrived else inner.zeros_like(v) for v in outside)
    return graph


no_derivative(
    "how often it runs is known only in the run: its trip count or early end depends on an input's values; "
    "a method that only evaluates the model works",
    "Loop",
    "Scan",
)
no_derivative(
    "a sequence or optional whose parts are known only in the run",
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceMap",
    "SplitToSequence",
    "ConcatFromSequence",
    "Optional",
    "OptionalGetElement",
)
no_derivative(
    "the length of its sequence must be known; name the shapes of the inputs, or explain concrete inputs",
    "LSTM",
    "GRU",
    "RNN",
)
