"""Receptive fields: the part of each input that a unit of a layer depends on, computed from the graph backward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from ..graph.build import static_shape
from ..graph.passes.expand import KEPT as DEPLOYED
from ..graph.paths import node_inputs, node_name
from ..graph.table import key
from ..types import Array
from .support_moves import MOVES
from .support_rules import RULES, Question
from .supports import Support, alive, whole

_RULES = RULES | MOVES
BLOCK = 512
"""Questions that go through the graph together; a large network has thousands of channels at each of its tensors."""
_SHAPES = frozenset({"Shape", "Size", "ConstantOfShape", "Range"})
"""What these give depends on lengths, not on values."""


@dataclass(frozen=True)
class Fields:
    """For each question, the cells of every input, one mask per axis; and the nodes of which nothing was known."""

    inputs: dict[str, Support]
    unknown: list[str]

    def box(self, name: str, axes: Sequence[int]) -> Array:
        """Return (questions, 2 axes): the first cells along these axes, then the ends behind the last ones."""
        masks = [self.inputs[name][a] for a in axes]
        first = [m.argmax(1) for m in masks]
        last = [m.shape[1] - m[:, ::-1].argmax(1) for m in masks]
        return np.where(alive(masks)[:, None], np.stack([*first, *last], 1), 0)


def fields(graph: ir.Graph, layer: ir.Value, cells: Array) -> Fields:
    """Return the receptive fields of single cells (questions, rank) of a layer in a prepared graph of one item."""
    open_ = _dependent(graph)
    parts = [_fields(graph, layer, cells[i : i + BLOCK], open_) for i in range(0, len(cells), BLOCK)]
    joined = {
        n: [np.concatenate(masks) for masks in zip(*(p.inputs[n] for p in parts), strict=True)]
        for n in parts[0].inputs
    }
    return Fields(joined, parts[0].unknown)


def _fields(graph: ir.Graph, layer: ir.Value, cells: Array, open_: set[ir.Value]) -> Fields:
    dims = static_shape(layer)
    start = [_one_hot(cells[:, a], n) for a, n in enumerate(dims)] if dims else []
    arrived: dict[ir.Value, Support] = {layer: start or whole(len(cells), dims or [])}
    unknown: list[str] = []
    for node in reversed(list(graph)):
        if node.op_type in _SHAPES or DEPLOYED in node.metadata_props:
            continue
        for out, y in enumerate(node.outputs):
            if y in arrived and not _back(node, out, arrived, open_, len(cells)):
                unknown.append(node_name(node))
            arrived.pop(y, None)
    inputs = {v.name or "": arrived.get(v) or _nothing(v, len(cells)) for v in graph.inputs}
    return Fields(inputs, unknown)


def _one_hot(cells: Array, length: int) -> Array:
    out: Array = np.arange(length) == np.asarray(cells)[:, None]
    return out


def _nothing(v: ir.Value, rows: int) -> Support:
    return [np.zeros((rows, n), bool) for n in static_shape(v) or []]


def _dependent(graph: ir.Graph) -> set[ir.Value]:
    """Return what depends on an input; weights may be computed, such as those that are kept in few bits."""
    reached = set(graph.inputs)
    for node in graph:
        if any(v in reached for v in node_inputs(node)):
            reached.update(node.outputs)
    return reached


def _back(node: ir.Node, out: int, arrived: dict[ir.Value, Support], open_: set[ir.Value], rows: int) -> bool:
    """Add what a node's output depends on to its inputs; False: an input was taken whole for want of a rule."""
    s, known = arrived[node.outputs[out]], True
    there = alive(s) if s else np.ones(rows, bool)
    for i, x in enumerate(node_inputs(node)):
        if x.const_value is not None or x not in open_:
            continue
        dims = static_shape(x)
        found = _look_up(node, s, out, i, x) if s and dims is not None else None
        known &= found is not None
        cells = found if found is not None else whole(rows, dims or [])
        # a product with one empty axis is empty, and must leave nothing in a union
        held = (there & alive(cells))[:, None] if cells else there[:, None]
        cells = [m & held for m in cells]
        before = arrived.get(x)
        arrived[x] = cells if before is None else [a | b for a, b in zip(before, cells, strict=True)]
    return known


def _look_up(node: ir.Node, s: Support, out: int, i: int, x: ir.Value) -> Support | None:
    rule = _RULES.get(key(node))
    shaped = [v for v in [*node.inputs, *node.outputs] if v is not None]
    # what a subgraph takes from outside, and what has no known shape, is beyond the rules
    mine = i < len(node.inputs) and node.inputs[i] is x
    if rule is None or not mine or any(static_shape(v) is None for v in shaped):
        return None
    return rule(Question(s, node, out, i))
