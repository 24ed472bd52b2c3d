"""Assemble an explanation graph: the model, the backward pass of one method, and the outputs that carry its arrays."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from ..errors import InvalidRequest, TensorUnknown
from ..ops import VJPS
from ..registry import Method, Params
from ..signature import class_count
from ..types import Card, LedgerRow, NodeRule
from .backward import Cotangents, backward
from .build import Builder, Dims, dimensions, sum_per_item
from .drift import unrounded
from .leaves import Leaf, leaves
from .logits import LAST, PASSING
from .passes.factor import factor_sums
from .passes.quantised import deploy
from .paths import Path, blocked, find_path, node_name
from .points import Point, open_leaves, points_of
from .table import Backward, Table, key

WEIGHTS = "target_weights"
Head = Literal["weights", "argmax"]
"""`weights`: the functional comes as an input; `argmax`: the graph picks each item's greatest class itself."""


@dataclass
class ExplanationGraph:
    """What a compiled method is handed: the prepared graph, the builder, where to start and where to end."""

    model: ir.Model
    op: Builder
    leaves: list[Leaf]
    target: ir.Value
    weights: ir.Value
    held_fixed: dict[str, str]
    rules: list[NodeRule] = field(default_factory=list)
    piecewise_constant: list[str] = field(default_factory=list)
    facts: dict[str, ir.Value] = field(default_factory=dict)
    """Per-item figures for the account, computed in the graph."""
    card: Card = field(default_factory=Card)
    notes: dict[str, Any] = field(default_factory=dict)
    """What else the account says, known before the run."""
    ledger: list[LedgerRow] = field(default_factory=list)
    """What the columns of the fact `account.ledger` are."""

    def gradients(self) -> dict[str, list[ir.Value]]:
        """Return the cotangents of the target's weights at each leaf's tensors."""
        return self.pull({self.target: self.weights}, VJPS)

    def pull(
        self,
        seeds: Cotangents,
        table: Table,
        rule_of: Callable[[ir.Node], Backward] | None = None,
        label: Callable[[ir.Node], str] = lambda node: "vjp",
    ) -> dict[str, list[ir.Value]]:
        """Walk back from the target with a table and return what arrives at each leaf's tensors, zeros where nothing does."""
        path = self.path(table)
        look_up = rule_of or (lambda node: table[key(node)])
        arrived = backward(self.op, path.nodes, path.active, seeds, look_up)
        self.rules = [NodeRule(node=node_name(n), operator=key(n), rule=label(n)) for n in path.nodes]
        self.piecewise_constant = [node_name(n) for n in path.piecewise_constant]
        return {
            leaf.name: [arrived.get(v) or self.op.zeros_like(v) for v in leaf.values] for leaf in self.leaves
        }

    def path(self, table: Table) -> Path:
        """Return the way from the leaves to the target, or refuse with every node that blocks it."""
        sources = {v for leaf in self.leaves for v in leaf.values}
        path = find_path(self.model.graph, sources, self.target, table)
        if path.blockers:
            raise blocked(path.blockers)
        if not path.nodes and self.target not in sources:
            names = ", ".join(leaf.name for leaf in self.leaves)
            raise InvalidRequest(
                f"{self.target.name!r} does not depend on {names}; explain another output or input",
                pointer="/target/output",
            )
        return path

    def attributions(
        self, arrived: dict[str, list[ir.Value]], each: Callable[[ir.Value, ir.Value], ir.Value]
    ) -> dict[str, ir.Value]:
        """Combine value and cotangent at each leaf and return one array per input; a token gets the sum over its embedding."""
        out = {}
        for leaf in self.leaves:
            parts = [
                self.per_item_shape(leaf, each(x, g))
                for x, g in zip(leaf.values, arrived[leaf.name], strict=True)
            ]
            total = parts[0]
            for part in parts[1:]:
                total = self.op.Add(total, part)
            out[f"attribution.{leaf.name}"] = total
        return out

    def is_embedding(self, x: ir.Value) -> bool:
        """Say whether a leaf's tensor is the embedding of tokens."""
        return any(x in leaf.values for leaf in self.leaves if leaf.kind == "embedding")

    def per_item_shape(self, leaf: Leaf, r: ir.Value) -> ir.Value:
        """Sum an embedding's axes away, so that one value per token is left."""
        if leaf.kind != "embedding":
            return r
        lead = len(dimensions(leaf.source) or [])
        rank = max(len(dimensions(v) or []) for v in leaf.values)
        return self.op.ReduceSum(r, list(range(lead, rank)), keepdims=0)


@dataclass(frozen=True)
class Emission:
    """A compiled explanation and what the account says of it."""

    proto: onnx.ModelProto
    explained: str
    logits: bool
    dims: Dims
    dtype: np.dtype[Any]
    explained_inputs: list[str]
    held_fixed: dict[str, str]
    rules: list[NodeRule]
    piecewise_constant: list[str]
    arrays: list[str]
    facts: list[str]
    points: list[Point]
    """What a path or noise can move."""
    notes: dict[str, Any] = field(default_factory=dict)
    ledger: list[LedgerRow] = field(default_factory=list)


def emit(
    prepared: ir.Model,
    method: Method,
    params: Params,
    *,
    output: str,
    logits: Literal["auto"] | bool = "auto",
    head: Head = "weights",
    account: bool = True,
    opened: bool = False,
    card: Card | None = None,
) -> Emission:
    """Compile a method over a prepared model into one ONNX graph; `opened`: inner leaves become inputs of it."""
    model = prepared.clone()
    graph = model.graph
    target, peeled = find_target(graph, output, peel=logits is not False)
    chosen, fixed = choose(graph, params)
    points, deployed, op = points_of(chosen), set(graph), Builder(graph)
    chosen = open_leaves(graph, chosen) if opened else chosen
    explained = target.name or ""
    if dimensions(target) == []:
        # one number for an item that runs alone is that item's row
        row = op.Expand(target, [1])
        row.name, row.shape, row.dtype = f"{explained}/row", ir.Shape([1]), target.dtype
        target = row
    weights = _argmax_weights(op, target) if head == "argmax" else _weights_input(graph, target)
    explanation = ExplanationGraph(model, op, chosen, target, weights, fixed, card=card or Card())
    arrays = method.run(explanation, params)
    facts = _facts(op, graph, target, weights, head) | explanation.facts if account else {}
    shapes = {f"attribution.{leaf.name}": leaf.source.shape for leaf in chosen}
    for name, value in {**arrays, **facts}.items():
        graph.outputs.append(_named(op, value, name, shapes.get(name)))
    _finish(model, deployed, typed=not account)
    return Emission(
        ir.to_proto(model),
        explained,
        peeled,
        dimensions(target),
        (target.dtype or ir.DataType.FLOAT).numpy(),
        [leaf.name for leaf in chosen],
        fixed,
        explanation.rules,
        explanation.piecewise_constant,
        list(arrays),
        list(facts),
        points,
        explanation.notes,
        explanation.ledger,
    )


def _finish(model: ir.Model, deployed: Collection[ir.Node], *, typed: bool) -> None:
    """Drop what leads nowhere; `typed`: a file for others says the shape of every tensor, a session finds out itself."""
    deploy(model.graph)
    factor_sums(model.graph, deployed)
    common.RemoveUnusedNodesPass()(model)
    common.TopologicalSortPass()(model)
    if typed:
        common.ShapeInferencePass(check_type=False, strict_mode=False, data_prop=True)(model)
    model.producer_name = "onnxplain"


def find_target(graph: ir.Graph, output: str, *, peel: bool) -> tuple[ir.Value, bool]:
    """Return the explained tensor, and whether it is the input of a final Softmax, LogSoftmax or Sigmoid."""
    value = find_tensor(graph, output)
    if not peel or not any(value is v for v in graph.outputs):
        return value, False
    below = value
    while (node := below.producer()) is not None and node.op_type in PASSING:
        if (
            node.inputs[0] is None
            or node.inputs[0].dtype is None
            or not node.inputs[0].dtype.is_floating_point()
        ):
            break
        below = node.inputs[0]
    if node is not None and node.op_type in LAST and node.inputs[0] is not None:
        return node.inputs[0], True
    return below if (value.dtype != below.dtype) else value, False


def find_tensor(graph: ir.Graph, name: str, pointer: str = "/target/output") -> ir.Value:
    """Return a tensor by name, or refuse."""
    for v in [*graph.outputs, *graph.inputs, *(v for n in graph for v in n.outputs)]:
        if v.name == name:
            return v
    raise TensorUnknown(
        f"the prepared graph has no tensor {name!r}; it may have been merged into its neighbour",
        pointer=pointer,
    )


def choose(graph: ir.Graph, params: Params) -> tuple[list[Leaf], dict[str, str]]:
    """Return the leaves that the parameters ask for, and the inputs that are held fixed."""
    found, fixed = leaves(graph)
    at = getattr(params, "at", None)
    if at is not None:
        value = find_tensor(graph, at, "/params/at")
        return [Leaf(at, value, (value,), "inner")], fixed | {
            leaf.name: f"explained at {at}" for leaf in found
        }
    wanted: Collection[str] = (
        params.explain_inputs if params.explain_inputs is not None else [leaf.name for leaf in found]
    )
    chosen = [leaf for leaf in found if leaf.name in wanted]
    if not chosen:
        reasons = "; ".join(f"{n}: {r}" for n, r in fixed.items()) or "none is named"
        raise InvalidRequest(f"no input can be explained ({reasons})", pointer="/params/explain_inputs")
    fixed |= {leaf.name: "not in explain_inputs" for leaf in found if leaf.name not in wanted}
    return chosen, fixed


def _weights_input(graph: ir.Graph, target: ir.Value) -> ir.Value:
    v = ir.Value(name=WEIGHTS, type=ir.TensorType(target.dtype or ir.DataType.FLOAT), shape=target.shape)
    graph.inputs.append(v)
    return v


def _argmax_weights(op: Builder, target: ir.Value) -> ir.Value:
    dims = dimensions(target)
    if dims is None or class_count(dims) is None:
        raise InvalidRequest(f"{target.name!r} has no single class axis", pointer="/target/index")
    classes = dims[1] if len(dims) > 1 and isinstance(dims[1], int) else None
    count = np.array(classes, np.int64) if classes else op.Squeeze(op.Slice(op.Shape(target), [1], [2]), [0])
    row = op.Reshape(
        op.Range(np.array(0, np.int64), count, np.array(1, np.int64)), [1, -1, *[1] * (len(dims) - 2)]
    )
    hit = op.Equal(row, op.ArgMax(target, axis=1, keepdims=1))
    return op.Cast(hit, to=int(target.dtype or ir.DataType.FLOAT))


def _facts(
    op: Builder, graph: ir.Graph, target: ir.Value, weights: ir.Value, head: Head
) -> dict[str, ir.Value]:
    score = op.Mul(target, weights)
    score.shape = target.shape
    facts = {"account.score": sum_per_item(op, score)}
    if head == "argmax":
        facts["account.index"] = op.Reshape(op.ArgMax(target, axis=1, keepdims=1), [-1])
    real = unrounded(op, graph, target)
    if real is not None:
        moved = op.Mul(real, weights)
        moved.shape = target.shape
        facts["account.drift"] = op.Abs(op.Sub(facts["account.score"], sum_per_item(op, moved)))
    return facts


def _named(op: Builder, value: ir.Value, name: str, shape: ir.Shape | None) -> ir.Value:
    out = op.Identity(value)
    out.name, out.shape = name, shape or value.shape
    return out
