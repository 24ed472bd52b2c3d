"""What is climbed, as graphs: the log-probability or value of a target, with a density beside it; the distance to features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import InvalidRequest
from ..registry import Params, part
from ..signature import class_count

if TYPE_CHECKING:
    import onnx_ir as ir

    from ..graph.explanation import ExplanationGraph

Kind = Literal["auto", "log_softmax", "log_sigmoid", "value"]
OBJECTIVE, SLOPE, DENSITY = "objective", "slope.", "log_p"


class ObjectiveParams(Params):
    """Which function of the target is climbed, and what a density adds."""

    objective: Kind = "auto"
    expert: str | None = None
    expert_weight: float = 1.0


@part("optimising/objective")
def objective_graph(graph: ExplanationGraph, params: ObjectiveParams) -> dict[str, Any]:
    """Give the objective, and its derivative by each input that is searched for."""
    from ..graph.explanation import find_tensor

    op, kind = graph.op, _kind(graph, params)
    graph.notes["objective"] = kind
    value, seed = _OBJECTIVES[kind](op, graph.target, graph.weights)
    found, seeds = {}, {graph.target: seed}
    if params.expert is not None:
        log_p = find_tensor(graph.model.graph, params.expert, "/params/expert")
        found[DENSITY] = op.Reshape(log_p, [-1])
        value = op.Add(value, op.Mul(found[DENSITY], params.expert_weight))
        ones = op.CastLike(np.full(1, params.expert_weight), log_p)
        seeds[log_p] = op.Expand(ones, op.Shape(log_p))
    return {OBJECTIVE: value, **found, **_slopes(graph, seeds)}


@part("optimising/match")
def match_graph(graph: ExplanationGraph, params: Params) -> dict[str, Any]:
    """Give minus the squared distance of the target to `target_weights`, in units of these, and its derivative."""
    del params
    op, wanted = graph.op, graph.weights
    axes = list(range(1, _rank(graph.target)))
    away = op.Sub(graph.target, wanted)
    unit = op.ReduceSumSquare(wanted, axes, keepdims=1)
    value = op.Neg(op.Div(op.ReduceSumSquare(away, axes, keepdims=1), unit))
    seed = op.Div(op.Mul(away, -2.0), unit)
    return {OBJECTIVE: op.Reshape(value, [-1]), **_slopes(graph, {graph.target: seed})}


def _rank(v: ir.Value) -> int:
    if v.shape is None or len(v.shape) < 2:
        raise InvalidRequest(
            f"{v.name!r} has no known axes behind the items; name another layer", pointer="/params/layer"
        )
    return len(v.shape)


def _kind(graph: ExplanationGraph, params: ObjectiveParams) -> str:
    """Return the objective asked for; by default that of probabilities for what the model answers."""
    from ..graph.build import dimensions

    if params.objective != "auto":
        return params.objective
    answers = any(graph.target is v for v in graph.model.graph.outputs)
    after = {
        n.op_type
        for n in graph.target.consumers()
        if any(n.outputs[0] is v for v in graph.model.graph.outputs)
    }
    if "Sigmoid" in after:
        return "log_sigmoid"
    several = class_count(dimensions(graph.target)) not in (None, 1)
    return "log_softmax" if several and (answers or after & {"Softmax", "LogSoftmax"}) else "value"


def _of_class(op: Any, z: ir.Value, w: ir.Value) -> tuple[ir.Value, ir.Value]:
    logs = op.LogSoftmax(z, axis=1)
    seed = op.Sub(w, op.Mul(op.Exp(logs), op.ReduceSum(w, [1], keepdims=1)))
    return _sum(op, op.Mul(logs, w), z), seed


def _of_answer(op: Any, z: ir.Value, w: ir.Value) -> tuple[ir.Value, ir.Value]:
    logs = op.Neg(op.Softplus(op.Neg(z)))
    return _sum(op, op.Mul(logs, w), z), op.Mul(w, op.Sigmoid(op.Neg(z)))


def _of_value(op: Any, z: ir.Value, w: ir.Value) -> tuple[ir.Value, ir.Value]:
    return _sum(op, op.Mul(z, w), z), w


_OBJECTIVES = {"log_softmax": _of_class, "log_sigmoid": _of_answer, "value": _of_value}


def _sum(op: Any, x: ir.Value, like: ir.Value) -> ir.Value:
    from ..graph.build import sum_per_item

    x.shape = like.shape
    return sum_per_item(op, x)


def _slopes(graph: ExplanationGraph, seeds: dict[ir.Value, ir.Value]) -> dict[str, ir.Value]:
    """Walk back from all seeds at once, so that what lies below them is passed but once."""
    from dataclasses import replace

    from ..graph.backward import backward
    from ..graph.paths import node_name
    from ..graph.table import VJPS, key
    from ..types import NodeRule

    paths = [replace(graph, target=v).path(VJPS) for v in seeds]
    together = {n for p in paths for n in p.nodes}
    nodes = [n for n in graph.model.graph if n in together]
    active = {v for p in paths for v in p.active}
    arrived = backward(graph.op, nodes, active, seeds, lambda n: VJPS[key(n)])
    graph.rules = [NodeRule(node=node_name(n), operator=key(n), rule="vjp") for n in nodes]
    found = {}
    for leaf in graph.leaves:
        total, *rest = [arrived.get(v) or graph.op.zeros_like(v) for v in leaf.values]
        for g in rest:
            total = graph.op.Add(total, g)
        found[SLOPE + leaf.name] = total
    return found
