"""Where each linear operator stands among the others: first, last, how deep."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from ..graph.paths import node_name
from ..graph.table import key
from .params import Match


@dataclass(frozen=True)
class Position:
    """A linear operator's place on the way from inputs to target."""

    first: bool
    last: bool
    depth: float
    """0 at the inputs, 1 at the target."""


def positions(
    nodes: Sequence[ir.Node], families: Mapping[ir.Node, str], active: Collection[ir.Value]
) -> dict[ir.Node, Position]:
    """Return the position of every linear operator, counted in linear operators along the longest way."""
    before: dict[ir.Value, int] = {}
    for node in nodes:
        level = max((before.get(v, 0) for v in node.inputs if v is not None and v in active), default=0)
        level += families.get(node) == "linear"
        before.update((y, level) for y in node.outputs)
    behind: dict[ir.Value, int] = {}
    for node in reversed(nodes):
        level = max((behind.get(y, 0) for y in node.outputs), default=0) + (families.get(node) == "linear")
        for v in node.inputs:
            if v is not None and v in active:
                behind[v] = max(behind.get(v, 0), level)
    linear = [n for n in nodes if families.get(n) == "linear"]
    deepest = max((before[n.outputs[0]] for n in linear), default=1)
    return {
        n: Position(
            before[n.outputs[0]] == 1,
            behind.get(n.outputs[0], 0) == 0,
            (before[n.outputs[0]] - 1) / max(deepest - 1, 1),
        )
        for n in linear
    }


def matches(match: Match, node: ir.Node, family: str, position: Position | None) -> bool:
    """Say whether a node is meant."""
    if match.family is None and match.node is None and match.operator is None and family != "linear":
        return False
    if not (
        _named(match.node, node_name(node))
        and _named(match.operator, key(node))
        and _named(match.family, family)
    ):
        return False
    if match.position is None:
        return True
    if position is None:
        return False
    if match.position == "first":
        return position.first
    if match.position == "last":
        return position.last
    low, high = match.position
    return low <= position.depth <= high


def _named(wanted: str | list[str] | None, name: str) -> bool:
    return wanted is None or name in ([wanted] if isinstance(wanted, str) else wanted)
