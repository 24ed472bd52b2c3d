"""The books of relevance: what came in at each node, what went out, and what was absorbed on the way, by whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from ..graph.build import Builder, dimensions
from ..graph.passes.shapes import BATCH
from ..graph.paths import node_name
from ..graph.table import key
from ..types import LedgerRow

FIGURES = ("in", "out", "size")
"""Of each row: relevance in, relevance out, and the greater of the sums of their absolute values."""
WIDE = 128
ABSORBERS = ("bias", "stabilizer", "empty", "block", "softmax", "constant", "quantiser")


@dataclass
class Entry:
    """One node's tensors before they are summed per item."""

    node: ir.Node
    rule: str
    came: list[tuple[Any, ir.Value]] = field(default_factory=list)
    went: list[tuple[Any, ir.Value]] = field(default_factory=list)
    lost: dict[str, list[tuple[Any, ir.Value]]] = field(default_factory=dict)


class Ledger:
    """Collects entries while the walk goes back and turns them into one array of figures per item."""

    def __init__(self, op: Builder, items: ir.Value) -> None:
        self.op = op
        self.items = items
        self.entries: list[Entry] = []
        self._sums: dict[tuple[Any, bool], Any] = {}

    def open(self, node: ir.Node, rule: str) -> Entry:
        """Begin a node's entry."""
        self.entries.append(Entry(node, rule))
        return self.entries[-1]

    def close(self) -> tuple[ir.Value, list[LedgerRow]]:
        """Return the figures, one row per item, and what each column is about."""
        columns: list[Any] = []
        rows = []
        for e in self.entries:
            sums = [
                self._sum(e.came),
                self._sum(e.went),
                self.op.Max(self._sum(e.came, True), self._sum(e.went, True)),
            ]
            columns += sums + [self._sum(terms) for terms in e.lost.values()]
            rows.append(
                LedgerRow(node=node_name(e.node), operator=key(e.node), rule=e.rule, absorbers=list(e.lost))
            )
        count = len(columns)
        # the runtime reads one Concat of ten thousand tensors far more slowly than a hundred of a hundred
        while len(columns) > 1:
            columns = [
                self.op.Concat(*columns[i : i + WIDE], axis=0) if i + 1 < len(columns) else columns[i]
                for i in range(0, len(columns), WIDE)
            ]
        table = self.op.Reshape(columns[0], [count, -1])
        return self.op.Transpose(table, perm=[1, 0]), rows

    def _sum(self, terms: list[tuple[Any, ir.Value]], absolute: bool = False) -> Any:
        sums = [self._once(v, like, absolute) for v, like in terms]
        if not sums:
            return self.op.Expand(self.op.constant(np.zeros(1, np.float64)), self._count())
        total = sums[0]
        for s in sums[1:]:
            total = self.op.Add(total, s)
        return total

    def _once(self, v: Any, like: ir.Value, absolute: bool) -> Any:
        """What one node hands on is what another takes in: sum it once."""
        if (v, absolute) not in self._sums:
            self._sums[v, absolute] = self._per_item(self.op.Abs(v) if absolute else v, like)
        return self._sums[v, absolute]

    def _count(self) -> Any:
        # without an axis of items there is one
        return (
            self.op.Slice(self.op.Shape(self.items), [0], [1])
            if _free(self.items)
            else self.op.constant(np.ones(1, np.int64))
        )

    def _per_item(self, v: Any, like: ir.Value) -> Any:
        """Sum a tensor shaped like another one over everything but the items."""
        dims = dimensions(like)
        v = self.op.Cast(v, to=int(ir.DataType.DOUBLE))
        if not _free(self.items):
            return self.op.ReduceSum(self.op.Reshape(v, [1, -1]), [1], keepdims=0)
        if dims is not None and dims.count(BATCH) == 1:
            others = [i for i in range(len(dims)) if dims[i] != BATCH]
            return self.op.ReduceSum(v, others, keepdims=0) if others else v
        # the items lead in what was merged with them
        return self.op.ReduceSum(
            self.op.Reshape(v, self.op.Concat(self._count(), [-1], axis=0)), [1], keepdims=0
        )


def _free(v: ir.Value) -> bool:
    return BATCH in (dimensions(v) or [])


Lose = Callable[[str, Callable[[], Any]], None]
