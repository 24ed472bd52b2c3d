"""Finding attentions in a prepared graph: every inner Softmax whose weights multiply something, by MatMul, Einsum or Mul."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import onnx_ir as ir

from ..graph.build import dimensions
from ..graph.passes.expand import PART_OF
from ..graph.table import attributes
from .tracing import Axes, carried

PRODUCTS = ("MatMul", "Gemm", "Einsum", "Mul")
_SUMS = ("ReduceSum", "ReduceMean")


@dataclass(frozen=True)
class Attention:
    """The weights of one attention, and which of their axes are queries; the rest, but for keys and items, are heads."""

    name: str
    """Of the Softmax, or of the fused node that it was written out from."""
    weights: ir.Value
    keys: int
    queries: tuple[int, ...]

    @property
    def tokens(self) -> int | None:
        """The number of tokens that attend to each other; None: queries and keys are not known to be as many."""
        dims = dimensions(self.weights) or []
        keys, queries = dims[self.keys], [dims[q] for q in self.queries]
        return keys if isinstance(keys, int) and keys > 1 and queries == [keys] else None


def attentions(graph: ir.Graph) -> list[Attention]:
    """Return the attentions of a graph in topological order."""
    found, names = [], set()
    for node in graph:
        if node.op_type != "Softmax":
            continue
        attention = _attention(node)
        if attention is not None:
            name, count = attention.name, 1
            while name in names:
                # one node of the model may have become several, such as the turns of a loop
                name, count = f"{attention.name}#{count}", count + 1
            names.add(name)
            found.append(replace(attention, name=name))
    return found


def _attention(node: ir.Node) -> Attention | None:
    weights = node.outputs[0]
    rank = len(dimensions(weights) or [])
    if not rank:
        return None
    keys = int(attributes(node).get("axis", -1)) % rank
    for product, i, axes in _products(weights):
        queries = _queries(product, i, axes, keys)
        if queries is not None:
            name = str(node.metadata_props.get(PART_OF, node.name or weights.name or ""))
            return Attention(name, weights, keys, tuple(q for q in queries if q != keys))
    return None


def _products(weights: ir.Value) -> Iterator[tuple[ir.Node, int, Axes]]:
    """Give the products that weights reach through nodes that only move, copy or scale them, and their axes there."""
    start: Axes = [(a,) for a in range(len(dimensions(weights) or []))]
    queue, seen = [(weights, start)], set()
    while queue:
        v, axes = queue.pop(0)
        for node, i in v.uses():
            if (node, i) in seen:
                continue
            seen.add((node, i))
            moved = carried(node, i, axes)
            if moved is not None:
                queue.append((node.outputs[0], moved))
            elif node.op_type in PRODUCTS:
                yield node, i, axes


def _queries(node: ir.Node, i: int, axes: Axes, keys: int) -> tuple[int, ...] | None:
    """Return the weights' axes that stand for queries in this product; None: it does not run over the keys."""
    if node.op_type == "Einsum":
        return _of_einsum(node, i, axes, keys)
    if node.op_type == "Mul":
        return _of_mul(node, i, axes)
    turned = node.op_type == "Gemm" and bool(attributes(node).get("transB" if i else "transA", 0))
    if i > 1 or len(axes) < 2:
        return axes[0] if len(axes) == 1 and keys in axes[0] else None
    # a (..., Q, K) times b (..., K, D)
    summed, kept = (-1, -2) if (i == 0) != turned else (-2, -1)
    return axes[kept] if keys in axes[summed] else None


def _of_einsum(node: ir.Node, i: int, axes: Axes, keys: int) -> tuple[int, ...] | None:
    left, _, right = str(attributes(node)["equation"]).replace(" ", "").partition("->")
    terms = left.split(",")
    if "." in left or len(terms) < 2:
        return None
    others = set("".join(t for k, t in enumerate(terms) if k != i))
    mine = dict(zip(terms[i], axes, strict=True))
    if not any(keys in own and letter in others for letter, own in mine.items()):
        return None
    return tuple(a for letter, own in mine.items() if letter in right and letter not in others for a in own)


def _of_mul(node: ir.Node, i: int, axes: Axes) -> tuple[int, ...] | None:
    """Weights times values, summed over the keys or not: queries are the axes along which the values stay the same."""
    other = node.inputs[1 - i]
    dims = dimensions(other) if other is not None else None
    if dims is None:
        return None
    values = [1] * (len(axes) - len(dims)) + list(dims)
    offset = len(values) - len(axes)
    queries = tuple(a for k, own in enumerate(axes) if values[k + offset] == 1 for a in own)
    if queries or any(n.op_type in _SUMS for n in node.outputs[0].consumers()):
        return queries
    # a gate: each row of weights, but for the items', stands for itself
    return tuple(a for own in axes[1:] for a in own)
