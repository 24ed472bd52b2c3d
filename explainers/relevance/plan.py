"""Decide, before anything is emitted, which node gets which rule and where relevance flows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import onnx_ir as ir

from ..errors import InvalidRequest
from ..graph.constant import constant_value
from ..graph.paths import blocked, find_path, is_float, node_name
from ..graph.table import Backward, Table, key
from ..types import Blocker
from . import families as kin
from .composites import Composite
from .layout import matches, positions
from .linear import Linear
from .params import Layer
from .passages import OVERRIDES, lacks_vjp, vanishes_with
from .rules import Applied, Numbers, build


class _Any(Table):
    """Blocks nothing: whether a node has a rule is asked only of those that relevance reaches."""

    def __contains__(self, name: object) -> bool:
        return True


@dataclass
class Plan:
    """The nodes that relevance reaches and what happens at each."""

    nodes: list[ir.Node]
    active: set[ir.Value]
    """Tensors that relevance reaches."""
    families: dict[ir.Node, str]
    recipients: dict[ir.Node, list[int]]
    piecewise_constant: list[ir.Node]
    rules: dict[ir.Node, Applied] = field(default_factory=dict)
    overrides: dict[ir.Node, str] = field(default_factory=dict)
    linear: dict[ir.Node, Linear] = field(default_factory=dict)
    adopted: set[ir.Node] = field(default_factory=set)
    """Additions of a constant that are the bias of the linear operator before them."""
    vanishing: set[ir.Value] = field(default_factory=set)
    """Tensors whose relevance is 0 wherever they are 0 themselves."""

    def label(self, node: ir.Node) -> str:
        """Return the name of the rule that takes a node."""
        if node in self.overrides:
            return self.overrides[node]
        if node in self.rules:
            return self.rules[node].name
        return "bias of the operator before" if node in self.adopted else self.families[node]

    def rectified(self, z: ir.Value) -> ir.Value | None:
        """Return the Relu of z where all relevance of z comes from there and is 0 where it is 0."""
        readers = [
            n for n in z.consumers() if n in self.families and any(y in self.active for y in n.outputs)
        ]
        if len(readers) != 1 or readers[0].op_type != "Relu" or readers[0].outputs[0] not in self.vanishing:
            return None
        return readers[0].outputs[0]


def trace(
    graph: ir.Graph,
    sources: Collection[ir.Value],
    targets: Collection[ir.Value],
    *,
    halves: bool,
    softmax: bool,
) -> Plan:
    """Find what relevance reaches on its way from the targets to the sources, or refuse with every node that has no rule."""
    nodes: dict[ir.Node, None] = {}
    active: set[ir.Value] = set()
    steps: list[ir.Node] = []
    for target in targets:
        path = find_path(graph, sources, target, _Any())
        nodes.update((n, None) for n in path.nodes)
        active |= path.active
        steps += path.piecewise_constant
    order = [n for n in graph if n in nodes]
    reached, families, recipients, blockers = set(targets), {}, {}, []
    for node in reversed(order):
        if not any(y in reached for y in node.outputs):
            continue
        family = kin.family_of(node, active)
        if family is None or lacks_vjp(node, family):
            blockers.append(_blocker(node, family))
            continue
        families[node] = family
        recipients[node] = kin.recipients(node, family, active, halves=halves, softmax=softmax)
        reached.update(v for i in recipients[node] if (v := node.inputs[i]) is not None)
    if blockers:
        raise blocked(blockers[::-1], "relevance cannot pass")
    return Plan([n for n in order if n in families], reached, families, recipients, steps)


def _blocker(node: ir.Node, family: str | None) -> Blocker:
    reason = (
        "is in no family that relevance has a rule for"
        if family is None
        else f"is {family}, but has no derivative here"
    )
    return Blocker(node=node_name(node), operator=key(node), reason=reason)


def assign(plan: Plan, composite: Composite, numbers: Numbers, *, named: int = 0) -> None:
    """Give every node its rule: the first of the composite's layers that matches; the first `named` must match something."""
    places = positions(plan.nodes, plan.families, plan.active)
    used: set[int] = set()
    for node in plan.nodes:
        family = plan.families[node]
        hits = [
            i
            for i, layer in enumerate(composite.layers)
            if matches(layer.match, node, family, places.get(node))
        ]
        used.update(hits)
        if hits:
            _set(plan, node, composite.layers[hits[0]], numbers, hits[0])
    unused = [i for i in range(named) if i not in used]
    if unused:
        raise InvalidRequest(
            f"entry {unused[0]} of the composite matches no node that relevance reaches: "
            f"{composite.layers[unused[0]].match.model_dump(exclude_none=True)}",
            pointer=f"/params/composite/{unused[0]}",
        )
    for node, applied in plan.rules.items():
        plan.linear[node] = _linear(plan, node, applied)
    _find_vanishing(plan)


def _set(plan: Plan, node: ir.Node, layer: Layer, numbers: Numbers, index: int) -> None:
    family = plan.families[node]
    if layer.rule in OVERRIDES:
        _check_override(plan, node, layer.rule, index)
        plan.overrides[node] = layer.rule
    elif family == "linear":
        plan.rules[node] = build(layer.rule, layer.numbers(numbers))
    else:
        raise InvalidRequest(
            f"rule {layer.rule!r} is for linear operators; {node_name(node)!r} ({key(node)}) is in the family {family}. "
            f"For it there are: {', '.join(OVERRIDES)}",
            pointer=f"/params/composite/{index}",
        )


def _check_override(plan: Plan, node: ir.Node, rule: str, index: int) -> None:
    """Handing relevance on unchanged needs an operator that keeps its input's shape."""
    if rule in ("pass", "uniform") and plan.families[node] not in _ELEMENT_WISE:
        raise InvalidRequest(
            f"rule {rule!r} needs an element-wise operator; {node_name(node)!r} is a {key(node)}",
            pointer=f"/params/composite/{index}",
        )


_ELEMENT_WISE = ("gate", "scaling", "activation", "sum", "normalisation", "softmax")


def _linear(plan: Plan, node: ir.Node, applied: Applied) -> Linear:
    signal = plan.recipients[node][0]
    z, bias = node.outputs[0], node.inputs[2] if node.op_type != "Einsum" and len(node.inputs) > 2 else None
    if bias is None and (adder := _adder(plan, z)) is not None:
        plan.adopted.add(adder)
        z, bias = adder.outputs[0], next(v for v in adder.inputs if v is not node.outputs[0])
    return Linear(node, signal, 1 - signal, bias, z)


def _adder(plan: Plan, z: ir.Value) -> ir.Node | None:
    """Return the addition of a constant bias that is the only reader of z."""
    readers = [n for n in z.consumers() if n in plan.families]
    if (
        len(readers) != 1
        or readers[0].op_type != "Add"
        or readers[0] in plan.overrides
        or len(list(z.uses())) != 1
    ):
        return None
    other = next((v for v in readers[0].inputs if v is not z), None)
    small = constant_value(other)
    same = readers[0].outputs[0].shape is not None and readers[0].outputs[0].shape == z.shape
    return readers[0] if small is not None and same else None


def _find_vanishing(plan: Plan) -> None:
    """Say of which tensors the relevance is 0 where they are: all that reads them must hand it back so."""
    broken: set[ir.Value] = set()
    for node in reversed(plan.nodes):
        if node in plan.rules:
            holds: bool | None = plan.rules[node].rule.follows_input
        elif node in plan.overrides:
            holds = plan.overrides[node] == "norm"
        else:
            holds = None if node in plan.adopted else vanishes_with(node, plan.families[node])
        if node in plan.adopted:
            # the bias is handed to the operator before: what arrives there is the relevance of another value
            holds = False
        if holds is None:
            holds = not any(y in broken for y in node.outputs)
        if not holds:
            broken.update(v for i in plan.recipients[node] if (v := node.inputs[i]) is not None)
    plan.vanishing = {v for v in plan.active if v not in broken and is_float(v)}


def backward_of(node: ir.Node, rule: Any) -> Backward:
    """Wrap a rule for the walk as the operator's own VJP is wrapped."""
    from ..ops import VJPS

    own = VJPS.get(key(node))
    return Backward(rule, own.broadcasts, own.outputs) if own is not None else Backward(rule)
