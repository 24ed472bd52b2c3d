"""Attention maps in a graph, in one form, and what they come to over layers: rollout, and weighted by gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from ..errors import InvalidRequest
from ..graph.build import Builder, dimensions
from ..graph.leaves import Leaf
from ..graph.passes.shapes import BATCH
from ..graph.paths import node_inputs
from .attentions import Attention

if TYPE_CHECKING:
    from ..graph.explanation import ExplanationGraph

REDUCE = {"mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin"}


def standard(op: Builder, graph: ir.Graph, a: Attention, v: ir.Value) -> ir.Value:
    """Return a tensor of the weights' shape as (N, heads, queries, keys); axes that are missing have length 1."""
    dims = dimensions(a.weights) or []
    items = _items_axis(graph, a)
    front = [] if items is None else [items]
    queries = [q for q in a.queries if q != items]
    heads = [i for i in range(len(dims)) if i not in (*front, *queries, a.keys)]
    order = [*front, *heads, *queries, a.keys]
    if order != list(range(len(order))):
        v = op.Transpose(v, perm=order)
    shape = op.Shape(a.weights)
    lengths = [op.Gather(shape, [q]) for q in queries] or [op.constant(np.array([1]))]
    for more in lengths[1:]:
        lengths[0] = op.Mul(lengths[0], more)
    target = op.Concat(_count(op, graph), [-1], lengths[0], op.Gather(shape, [a.keys]), axis=0)
    out: ir.Value = op.Reshape(v, target)
    return out


def _items_axis(graph: ir.Graph, a: Attention) -> int | None:
    """Return the axis of the weights that holds the items, alone or folded with heads; None: there is one item and no axis."""
    dims = dimensions(a.weights) or []
    if BATCH in dims:
        return dims.index(BATCH)
    batched = any(BATCH in (dimensions(v) or []) for v in graph.inputs)
    # exporters fold heads into the items' axis; the reshape takes them apart again
    return 0 if a.keys != 0 and (batched or dims[0] == 1) else None


def _count(op: Builder, graph: ir.Graph) -> ir.Value:
    for v in graph.inputs:
        dims = dimensions(v) or []
        if BATCH in dims:
            counted: ir.Value = op.Gather(op.Shape(v), [dims.index(BATCH)])
            return counted
    return op.constant(np.array([1]))


def gradients(graph: ExplanationGraph, found: Sequence[Attention]) -> list[ir.Value]:
    """Return the derivatives of the explained score by the weights of each attention, in one walk."""
    leaves = [Leaf(a.name, a.weights, (a.weights,), "inner") for a in found]
    inner = replace(graph, leaves=leaves)
    arrived = inner.gradients()
    graph.rules, graph.piecewise_constant = inner.rules, inner.piecewise_constant
    return [arrived[a.name][0] for a in found]


def chain(graph: ir.Graph, found: Sequence[Attention]) -> tuple[list[Attention], str]:
    """Return the self-attentions that follow each other over the same tokens, or none and the reason."""
    own = [a for a in found if a.tokens is not None]
    if not own:
        return [], "no attention has as many queries as keys"
    if len({a.tokens for a in own}) > 1:
        lengths = ", ".join(f"{a.name}: {a.tokens}" for a in own)
        return (
            [],
            f"the self-attentions are over different numbers of tokens ({lengths}); name some by `layer`",
        )
    for before, after in pairwise(own):
        if not _follows(graph, before.weights, after.weights):
            return (
                [],
                f"{after.name!r} does not follow {before.name!r}: they stand side by side; name one row of them by `layer`",
            )
    return own, ""


def _follows(graph: ir.Graph, before: ir.Value, after: ir.Value) -> bool:
    reached = {before}
    for node in graph:
        if any(v in reached for v in node_inputs(node)):
            reached.update(node.outputs)
    return after in reached


def rollout(op: Builder, maps: Sequence[ir.Value], tokens: int, reduce: str) -> Any:
    """Return (N, tokens, tokens): the product of all layers' maps, half of each being the residual connection.

    Abnar & Zuidema (2020), equation 1: A = (W + I) / 2, where W joins the heads; then rows are made to sum to one.
    """
    one, total = _identity(maps[0], tokens), None
    for v in maps:
        joined = op.node(REDUCE[reduce], [v, [1]], {"keepdims": 0})
        mixed = op.Add(joined, one)
        mixed = op.Div(mixed, op.ReduceSum(mixed, [2], keepdims=1))
        total = mixed if total is None else op.MatMul(mixed, total)
    return total


def relevance(op: Builder, maps: Sequence[ir.Value], tokens: int, reduce: str) -> Any:
    """Return (N, tokens, tokens): R <- R + A R from the identity, A joining the heads of gradient-weighted maps.

    Chefer et al. (2021, arXiv:2103.15679), equations 5 and 6.
    """
    total: Any = _identity(maps[0], tokens)
    for v in maps:
        joined = op.node(REDUCE[reduce], [v, [1]], {"keepdims": 0})
        total = op.Add(total, op.MatMul(joined, total))
    return total


def _identity(like: ir.Value, tokens: int) -> Any:
    return np.eye(tokens, dtype=(like.dtype or ir.DataType.FLOAT).numpy())[None]


def choose(found: Sequence[Attention], wanted: Sequence[str]) -> list[Attention]:
    """Return the attentions that are named by their node or their tensor, or refuse with those that there are."""
    names = {a.name: a for a in found} | {a.weights.name or "": a for a in found}
    for i, name in enumerate(wanted):
        if name not in names:
            raise InvalidRequest(
                f"the model has no attention {name!r}; it has: {', '.join(a.name for a in found)}",
                pointer=f"/params/layer/{i}" if len(wanted) > 1 else "/params/layer",
                attentions=[a.name for a in found],
            )
    chosen = [names[n] for n in wanted]
    return [a for a in found if a in chosen] if wanted else list(found)
