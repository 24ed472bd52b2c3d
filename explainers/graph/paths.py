"""Which nodes lie between the explained tensors and the target, and which of them cannot be passed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from ..types import Blocker
from .table import NO_DERIVATIVE, Table, key


@dataclass(frozen=True)
class Path:
    """The nodes from the explained tensors to the target, and what stands in the way."""

    nodes: list[ir.Node]
    """In topological order; each carries float values that depend on an explained tensor towards the target."""
    active: frozenset[ir.Value]
    """Float tensors on the path."""
    blockers: list[Blocker]
    piecewise_constant: list[ir.Node]
    """Nodes that depend on an explained tensor and steer the target, but whose output is not a float."""


def is_float(v: ir.Value) -> bool:
    """Say whether a tensor carries real numbers; a tensor of unknown type is taken for one."""
    return v.dtype is None or v.dtype.is_floating_point()


def find_path(graph: ir.Graph, sources: Collection[ir.Value], target: ir.Value, table: Table) -> Path:
    """Trace which float tensors lead from the sources to the target and look every node up in the table."""
    reached = set(sources)
    touched: list[ir.Node] = []
    for node in graph:
        if any(v in reached for v in node_inputs(node)):
            touched.append(node)
            reached.update(v for v in node.outputs if v not in sources)
    smooth = set(sources)
    for node in touched:
        if any(v in smooth for v in node_inputs(node)):
            smooth.update(v for v in node.outputs if is_float(v))
    needed, on_path, steps = {target}, [], []
    for node in reversed(touched):
        if not any(v in needed for v in node.outputs):
            continue
        live = [v for v in node.outputs if v in needed]
        needed.update(v for v in node_inputs(node) if v in reached and v not in sources or v in smooth)
        if any(v in smooth and is_float(v) for v in live) and any(v in smooth for v in node_inputs(node)):
            on_path.append(node)
        elif not any(is_float(v) for v in live):
            steps.append(node)
    on_path.reverse()
    smooth_path = _carrying(on_path, smooth, target)
    blockers = [_blocker(n, table) for n in smooth_path if not _passable(n, table)]
    if not smooth_path and target not in sources:
        blockers = [_step_blocker(n) for n in reversed(steps)] or blockers
    active = {v for n in smooth_path for v in [*node_inputs(n), *n.outputs] if v in smooth and is_float(v)}
    return Path(smooth_path, frozenset(active | {target}), blockers, steps[::-1])


def _carrying(nodes: Sequence[ir.Node], smooth: Collection[ir.Value], target: ir.Value) -> list[ir.Node]:
    """Keep the nodes from which the target can be reached through float tensors alone."""
    wanted, kept = {target}, []
    for node in reversed(nodes):
        if any(v in wanted for v in node.outputs if is_float(v)):
            kept.append(node)
            wanted.update(v for v in node_inputs(node) if v in smooth and is_float(v))
    return kept[::-1]


def node_inputs(node: ir.Node) -> list[ir.Value]:
    """Return the tensors a node reads, those of its subgraphs that come from outside included."""
    own = [v for v in node.inputs if v is not None]
    return own + [v for v in _captured(node) if v not in own]


def _captured(node: ir.Node) -> list[ir.Value]:
    graphs = [a.as_graph() for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH]
    found: dict[ir.Value, None] = {}
    for graph in graphs:
        inner = set(graph.inputs) | {v for n in graph.all_nodes() for v in n.outputs} | set(graph.initializers.values())
        used = [v for n in graph.all_nodes() for v in n.inputs if v is not None] + list(graph.outputs)
        found.update((v, None) for v in used if v not in inner)
    return list(found)


def _passable(node: ir.Node, table: Table) -> bool:
    return key(node) in table


def _blocker(node: ir.Node, table: Table) -> Blocker:
    del table
    reason = NO_DERIVATIVE.get(key(node), "onnxplain has no derivative for this operator")
    return Blocker(node=node.name or node.outputs[0].name or "", operator=key(node), reason=reason)


def _step_blocker(node: ir.Node) -> Blocker:
    reason = NO_DERIVATIVE.get(key(node), f"its output is {_dtype(node)}: piecewise constant, the derivative is 0")
    return Blocker(node=node.name or node.outputs[0].name or "", operator=key(node), reason=reason)


def _dtype(node: ir.Node) -> str:
    return str(node.outputs[0].dtype).lower() if node.outputs[0].dtype else "not a float"
