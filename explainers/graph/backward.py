"""The one walk that goes backward over an ONNX graph; what a cotangent means is said by the table it is given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import onnx_ir as ir

from .build import Builder, dimensions
from .paths import captured
from .table import Backward, attributes, key

Cotangents = dict[ir.Value, ir.Value]


def backward(
    op: Builder,
    nodes: Sequence[ir.Node],
    active: Collection[ir.Value],
    seeds: Cotangents,
    rule_of: Callable[[ir.Node], Backward],
) -> Cotangents:
    """Pass the seeds back through the nodes, last first; return what arrives at every active tensor."""
    arrived: dict[ir.Value, list[ir.Value]] = {v: [g] for v, g in seeds.items()}
    total: Cotangents = {}
    for node in reversed(nodes):
        gs = [_total(op, y, arrived, total) for y in node.outputs]
        if any(g is not None for g in gs):
            for x, g in _through(op, node, gs, active, rule_of(node)):
                arrived.setdefault(x, []).append(g)
    for v in arrived:
        _total(op, v, arrived, total)
    return total


def _total(
    op: Builder, v: ir.Value, arrived: dict[ir.Value, list[ir.Value]], total: Cotangents
) -> ir.Value | None:
    if v in arrived and v not in total:
        first, *rest = arrived[v]
        for g in rest:
            first = op.Add(first, g)
        total[v] = first
    return total.get(v)


def _through(
    op: Builder, node: ir.Node, gs: list[ir.Value | None], active: Collection[ir.Value], how: Backward
) -> list[tuple[ir.Value, ir.Value]]:
    """Apply a node's rule; repair broadcasting and type, so that each result looks like its input."""
    g: Any = tuple(gs) if how.outputs == "all" else gs[0]
    y: Any = tuple(node.outputs) if how.outputs == "all" else node.outputs[0]
    if g is None:
        return []
    results = how.rule(op, g, y, *node.inputs, **attributes(node))
    results = results if isinstance(results, tuple | list) else (results, *[None] * len(node.inputs))
    if len(results) < len(node.inputs):
        raise RuntimeError(
            f"the rule of {key(node)} gave {len(results)} results for {len(node.inputs)} inputs"
        )
    out = []
    # results for optional inputs that the node leaves out stay unused; a node with subgraphs answers for what these capture
    for x, result in zip([*node.inputs, *captured(node)], results, strict=False):
        if x is None or x not in active or result is None:
            continue
        gx = result() if callable(result) else result
        if gx is not None:
            out.append((x, _fit(op, gx, node.outputs[0], x, how.broadcasts)))
    return out


def _fit(op: Builder, g: ir.Value, y: ir.Value, x: ir.Value, broadcasts: bool) -> ir.Value:
    if broadcasts:
        g = op.reduce_to(g, dimensions(y), x)
    # the cotangent of a quantised tensor stays a float
    if x.dtype is not None and g.dtype is not None and g.dtype != x.dtype and x.dtype.is_floating_point():
        g = op.Cast(g, to=int(x.dtype))
    return g
