"""Hand relevance back from the target to the inputs: the plan's rules on the one walk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from ..errors import ExplainError, InvalidRequest
from ..graph.backward import Cotangents, backward
from ..graph.explanation import ExplanationGraph
from ..graph.leaves import leaves
from ..graph.paths import node_name
from ..graph.table import Backward, key
from ..types import NodeRule
from . import bounds, flow
from .canonical import merge_right
from .composites import Composite
from .ledger import Entry, Ledger
from .params import Gate, RelevanceParams
from .passage import Passage, force
from .passages import OVERRIDES, PASSAGES
from .plan import Plan, assign, backward_of, trace
from .propagate import Site, propagate
from .rules import Numbers, build
from .signs import Signs
from .stabilizer import Stabilizer


@dataclass
class Relevance:
    """One request for relevance: the graph, the composite and its numbers, and where relevance may flow."""

    graph: ExplanationGraph
    composite: Composite
    numbers: Numbers
    params: RelevanceParams
    named: int = 0
    """How many of the composite's layers the user wrote; each must match something."""

    def __post_init__(self) -> None:
        self.op = self.graph.op
        self.signs = Signs()
        self.ledger = Ledger(self.op, self.graph.target) if self.params.ledger else None
        self.sources = [v for leaf in self.graph.leaves for v in leaf.values]
        self.ends = set(self.sources)
        self.boxes = {
            leaf.name: bounds.of_input(leaf.name, self.params.low, self.params.high, self.graph.card)
            for leaf in self.graph.leaves
        }
        self._masks = self._closed()
        merge_right(
            self.op, {self.graph.target, *self.sources, *self._masks, *(v for v, _ in self._opened())}
        )

    def attributions(self, start: ir.Value) -> dict[str, ir.Value]:
        """Return one array per input: what arrives there of the relevance that starts at the target."""
        whole = self._whole()
        assign(whole, self.composite, self.numbers, named=self.named)
        self._stand_in(whole)
        self._report(whole)
        seeds: Cotangents = {self.graph.target: start}
        for places, gates in self._stages(whole):
            seeds = self._open(self._walk(whole, places, seeds), places, gates)
        arrived = self._walk(whole, self.sources, seeds)
        per_leaf = {
            leaf.name: [arrived[v] if v in arrived else self.op.zeros_like(v) for v in leaf.values]
            for leaf in self.graph.leaves
        }
        if self.ledger is not None:
            self.graph.facts["account.ledger"], self.graph.ledger = self.ledger.close()
        return self.graph.attributions(per_leaf, lambda x, r: r)

    def _whole(self) -> Plan:
        """Plan the way to the inputs, also where only an inner tensor is asked for.

        Which layer is first, and what is known of its values, does not depend on where one looks. An inner tensor is the
        end of the way only where the inputs cannot be reached.
        """
        if any(leaf.kind == "inner" for leaf in self.graph.leaves):
            inputs = [v for leaf in leaves(self.graph.model.graph)[0] for v in leaf.values]
            with suppress(ExplainError):
                plan = self._trace(inputs, [self.graph.target])
                if set(self.sources) <= plan.active:
                    self.ends = set(inputs)
                    return plan
        return self._trace(self.sources, [self.graph.target])

    def _trace(self, sources: Sequence[ir.Value], targets: Sequence[ir.Value]) -> Plan:
        plan = trace(
            self.graph.model.graph,
            sources,
            targets,
            halves=self.composite.halves,
            softmax=self.composite.softmax,
        )
        if not plan.nodes and not set(targets) & set(sources):
            names = ", ".join(v.name or "" for v in sources)
            raise InvalidRequest(
                f"no relevance of {self.graph.target.name!r} reaches {names}", pointer="/target/output"
            )
        return plan

    def _stand_in(self, plan: Plan) -> None:
        """Replace z^B where bounds are not known, if the composite says by what."""
        layer = self.composite.unbounded
        for node, applied in plan.rules.items():
            if layer is not None and applied.rule.needs_bounds:
                fed = bounds.feeding(plan.linear[node].x, plan.nodes, self.graph.leaves)
                if any(self.boxes[leaf.name] is None or leaf.kind == "embedding" for leaf in fed):
                    plan.rules[node] = build(layer.rule, layer.numbers(self.numbers))

    def _report(self, plan: Plan) -> None:
        self.graph.rules = [
            NodeRule(node=node_name(n), operator=key(n), rule=plan.label(n)) for n in plan.nodes
        ]
        self.graph.piecewise_constant = [node_name(n) for n in plan.piecewise_constant]
        self.graph.notes["composite"] = self.composite.name
        if self.composite.reason:
            self.graph.notes["chosen"] = self.composite.reason

    # ---- flow control

    def _closed(self) -> dict[ir.Value, list[Gate]]:
        found: dict[ir.Value, list[Gate]] = {}
        for i, gate in enumerate(self.params.block):
            v, own = flow.place(self.graph.model.graph, gate, f"/params/block/{i}")
            found.setdefault(v, []).append(own)
        return found

    def _opened(self) -> list[tuple[ir.Value, Gate]]:
        graph = self.graph.model.graph
        return [flow.place(graph, gate, f"/params/through/{i}") for i, gate in enumerate(self.params.through)]

    def _stages(self, whole: Plan) -> list[tuple[list[ir.Value], dict[ir.Value, list[Gate]]]]:
        gates: dict[ir.Value, list[Gate]] = {}
        for i, (v, own) in enumerate(self._opened()):
            if v not in whole.active:
                raise InvalidRequest(f"no relevance reaches {own.node!r}", pointer=f"/params/through/{i}")
            gates.setdefault(v, []).append(own)
        return [(places, gates) for places in flow.stages(list(gates), whole.nodes)] if gates else []

    def _open(
        self, arrived: Cotangents, places: list[ir.Value], gates: dict[ir.Value, list[Gate]]
    ) -> Cotangents:
        """Keep what arrived at the open parts of these tensors."""
        seeds = {}
        for v in places:
            if v in arrived:
                m = flow.mask(self.op, v, gates[v], "/params/through")
                seeds[v] = arrived[v] if m is None else self.op.Mul(arrived[v], m)
        return seeds

    def _through_blocks(self, v: ir.Value, r: Any, entry: Entry | None) -> Any:
        """Close what is blocked at a tensor, and write down what was stopped."""
        if v not in self._masks or r is None:
            return r
        m = flow.mask(self.op, v, self._masks[v], "/params/block")
        m = m if m is not None else self.op.constant(_one(v))
        if entry is not None:
            entry.lost.setdefault("block", []).append((self.op.Mul(r, m), v))
        return self.op.Mul(r, self.op.Sub(1.0, m))

    # ---- the walk

    def _walk(self, whole: Plan, ends: Sequence[ir.Value], seeds: Cotangents) -> Cotangents:
        """Go from the seeds to the ends with the rules of the whole plan."""
        part = (
            self._trace(ends, list(seeds))
            if set(ends) != self.ends or self.graph.target not in seeds
            else whole
        )
        nodes = [n for n in part.nodes if n in whole.families]
        arrived = backward(
            self.op, nodes, part.active, seeds, lambda node: self._rule(whole, node, part.active)
        )
        return {
            v: self._through_blocks(v, r, None) if v.producer() is None else r for v, r in arrived.items()
        }

    def _rule(self, plan: Plan, node: ir.Node, reached: set[ir.Value]) -> Backward:
        def rule(op: Any, r: Any, y: Any, *inputs: Any, **attributes: Any) -> Any:
            entry = self.ledger.open(node, plan.label(node)) if self.ledger is not None else None
            rs = r if isinstance(r, tuple) else (r,)
            if entry is not None:
                entry.came = [(v, t) for v, t in zip(rs, node.outputs, strict=False) if v is not None]
            rs = tuple(self._through_blocks(t, v, entry) for v, t in zip(rs, node.outputs, strict=False))
            results = self._results(plan, node, rs, attributes, _loser(entry, node))
            if entry is not None:
                results = [force(v) for v in results]
                _write_flow(entry, node, results, reached)
            return results

        return backward_of(node, rule)

    def _results(
        self, plan: Plan, node: ir.Node, rs: tuple[Any, ...], attributes: dict[str, Any], lose: Any
    ) -> list[Any]:
        if node in plan.rules and node not in plan.overrides:
            return self._linear(plan, node, rs[0], lose)
        family = plan.families[node]
        passage = Passage(
            self.op,
            node,
            rs,
            attributes,
            plan.recipients[node],
            self._stabilizer(family),
            self.signs,
            lose,
            plan.rectified(node.outputs[0]),
        )
        if node in plan.overrides:
            return OVERRIDES[plan.overrides[node]](passage)
        if node in plan.adopted:
            return passage.give(lambda i: rs[0])
        return PASSAGES[family](passage)

    def _stabilizer(self, family: str) -> Stabilizer:
        if family == "bilinear" and self.composite.bilinear is not None:
            return Stabilizer(self.composite.bilinear)
        return self.numbers.stabilizer

    def _linear(self, plan: Plan, node: ir.Node, r: Any, lose: Any) -> list[Any]:
        linear, applied = plan.linear[node], plan.rules[node]
        site = Site(self.op, linear, applied, self.signs, plan.rectified(linear.z), lose)
        if applied.rule.needs_bounds:
            site.bounds = bounds.at_node(
                self.op, linear.x, plan.nodes, plan.families, self.graph.leaves, self.boxes, self.graph.card
            )
        results: list[Any] = [None] * len(node.inputs)
        results[linear.signal] = propagate(site, r)
        return results


def _one(v: ir.Value) -> Any:
    import numpy as np

    return np.ones((), (v.dtype or ir.DataType.FLOAT).numpy())


def _loser(entry: Entry | None, node: ir.Node) -> Callable[[str, Callable[[], Any]], None]:
    """Return what writes down a loss: nothing is emitted without a ledger."""

    def lose(kind: str, thunk: Callable[[], Any]) -> None:
        if entry is not None:
            entry.lost.setdefault(kind, []).append((thunk(), node.outputs[0]))

    return lose


def _write_flow(entry: Entry, node: ir.Node, results: list[Any], reached: set[ir.Value]) -> None:
    """Write down what goes on, and what would have gone where no open way leads."""
    for v, result in zip(node.inputs, results, strict=False):
        if v is None or result is None:
            continue
        like = node.outputs[0] if backward_of(node, None).broadcasts else v
        if v in reached:
            entry.went.append((result, like))
        else:
            entry.lost.setdefault("block", []).append((result, like))
