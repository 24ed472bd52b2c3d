"""Which nodes lie between the explained tensors and the target, and which of them cannot be passed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import onnx_ir as ir

from ..errors import OperatorsWithoutDerivative
from ..registry import methods
from ..types import Blocker
from .passes.expand import KEPT as DEPLOYED
from .table import NO_DERIVATIVE, Table, key


@dataclass(frozen=True)
class Path:
    """The nodes from the explained tensors to the target, and what stands in the way."""

    nodes: list[ir.Node]
    """In topological order; each passes real numbers that depend on an explained tensor towards the target."""
    active: frozenset[ir.Value]
    """The tensors between them."""
    blockers: list[Blocker]
    piecewise_constant: list[ir.Node]
    """Nodes that depend on an explained tensor and steer the target, but whose output has no slope."""


def is_float(v: ir.Value) -> bool:
    """Say whether a tensor carries real numbers; a tensor of unknown type is taken for one."""
    return v.dtype is None or v.dtype.is_floating_point()


def find_path(graph: ir.Graph, sources: Collection[ir.Value], target: ir.Value, table: Table) -> Path:
    """Trace which tensors lead from the sources to the target with a slope, and look every node up in the table."""
    touched, smooth = _forward(graph, sources)
    nodes = _towards(touched, target, smooth)
    active = {v for n in nodes for v in [*node_inputs(n), *n.outputs] if v in smooth}
    passed = set(nodes)
    steps = [
        n for n in _steering(touched, target) if n not in passed and not any(v in smooth for v in n.outputs)
    ]
    blockers = [_blocker(n) for n in nodes if key(n) not in table]
    if not nodes and target not in sources:
        blockers = [_blocker(n) for n in steps if any(v in smooth for v in node_inputs(n))]
    return Path(nodes, frozenset(active | {target}), blockers, steps)


def _forward(graph: ir.Graph, sources: Collection[ir.Value]) -> tuple[list[ir.Node], set[ir.Value]]:
    """Return the nodes that depend on a source, and the tensors that do so with a slope."""
    reached, smooth, touched = set(sources), set(sources), []
    for node in graph:
        inputs = node_inputs(node)
        if any(v in reached for v in inputs):
            touched.append(node)
            reached.update(node.outputs)
            if any(v in smooth for v in inputs):
                smooth.update(v for v in node.outputs if _carries(node, v, smooth))
    return touched, smooth


def _carries(node: ir.Node, v: ir.Value, smooth: Collection[ir.Value]) -> bool:
    """A quantised tensor stands for real numbers, wherever it is moved to."""
    if DEPLOYED in node.metadata_props:
        # beside it stands the form through which the path goes
        return False
    if is_float(v) or (node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear") and v is node.outputs[0]):
        return True
    moved = [x for x in node_inputs(node) if x in smooth]
    return v is node.outputs[0] and bool(moved) and all(x.dtype == v.dtype for x in moved)


def _towards(nodes: list[ir.Node], target: ir.Value, smooth: Collection[ir.Value]) -> list[ir.Node]:
    """Keep the nodes from which the target can be reached through tensors with a slope."""
    wanted, kept = {target}, []
    for node in reversed(nodes):
        inputs = [v for v in node_inputs(node) if v in smooth]
        if inputs and any(v in wanted for v in node.outputs if v in smooth):
            kept.append(node)
            wanted.update(inputs)
    return kept[::-1]


def _steering(nodes: list[ir.Node], target: ir.Value) -> list[ir.Node]:
    """Keep the nodes from which the target can be reached at all."""
    wanted, kept = {target}, []
    for node in reversed(nodes):
        if any(v in wanted for v in node.outputs):
            kept.append(node)
            wanted.update(node_inputs(node))
    return kept[::-1]


def node_inputs(node: ir.Node) -> list[ir.Value]:
    """Return the tensors a node reads, those that its subgraphs take from outside included."""
    own = [v for v in node.inputs if v is not None]
    return own + [v for v in captured(node) if v not in own]


def captured(node: ir.Node) -> list[ir.Value]:
    """Return the outer tensors that a node's subgraphs read."""
    graphs = [a.as_graph() for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH]
    found: dict[ir.Value, None] = {}
    for graph in graphs:
        inner = (
            set(graph.inputs)
            | {v for n in graph.all_nodes() for v in n.outputs}
            | set(graph.initializers.values())
        )
        used = [v for n in graph.all_nodes() for v in n.inputs if v is not None] + list(graph.outputs)
        found.update((v, None) for v in used if v not in inner)
    return list(found)


def node_name(node: ir.Node) -> str:
    """Return what a user can find a node by: its name, or that of its first output."""
    return node.name or node.outputs[0].name or node.op_type


def _blocker(node: ir.Node) -> Blocker:
    reason = NO_DERIVATIVE.get(key(node), "onnxplain has no derivative for this operator")
    return Blocker(node=node_name(node), operator=key(node), reason=reason)


def blocked(
    blockers: list[Blocker], what: str = "no derivative from the inputs to the target"
) -> OperatorsWithoutDerivative:
    """Return the refusal that lists every blocking node and the methods that work without a derivative."""
    names = "; ".join(f"{b.node} ({b.operator}): {b.reason}" for b in blockers[:5])
    more = f" and {len(blockers) - 5} more" if len(blockers) > 5 else ""
    would = [m.name for m in methods().values() if m.needs == "run"]
    return OperatorsWithoutDerivative(
        f"{what}: {names}{more}. Methods that would work: {', '.join(would)}",
        pointer="/method",
        nodes=[b.model_dump() for b in blockers],
        methods=would,
    )
