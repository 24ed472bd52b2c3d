"""A second forward pass in the same graph: what every tensor would be at the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from ..baselines import BaselineParams, Subject, blurred, constant, given_for, subject
from ..errors import InvalidRequest
from .build import Builder, dimensions, sum_per_item
from .leaves import Leaf
from .passes.shapes import BATCH
from .paths import node_inputs

if TYPE_CHECKING:
    from .explanation import ExplanationGraph

Reference = dict[ir.Value, ir.Value]
_LONG = 1 << 20  # stands for a length that is not known before the run
_SHAPES = frozenset({"Shape", "Size"})


def item_axis(x: ir.Value) -> int:
    """Return the axis of the items, the first one where none is marked."""
    dims = dimensions(x) or []
    return dims.index(BATCH) if BATCH in dims else 0


def reference(op: Builder, leaves: list[Leaf], target: ir.Value, params: BaselineParams) -> Reference:
    """Compute the baseline and everything between it and the target; what does not depend on it is shared."""
    before = list(op.graph)
    known = {v: _baseline(op, leaf, v, params) for leaf in leaves for v in leaf.values}
    wanted = _ancestors(before, target)
    for node in before:
        if node in wanted and node.op_type not in _SHAPES and not known.keys().isdisjoint(node_inputs(node)):
            known.update(_again(op, node, known))
    return known


def _ancestors(nodes: list[ir.Node], target: ir.Value) -> set[ir.Node]:
    wanted, values = set(), {target}
    for node in reversed(nodes):
        if not values.isdisjoint(node.outputs):
            wanted.add(node)
            values.update(node_inputs(node))
    return wanted


def _again(op: Builder, node: ir.Node, known: Reference) -> Reference:
    """Append a copy of a node that reads the baseline's tensors."""
    inputs = [None if v is None else known.get(v, v) for v in node.inputs]
    copy = ir.Node(
        node.domain, node.op_type, inputs, list(node.attributes.values()),
        num_outputs=len(node.outputs), name=op.name(f"baseline/{node.op_type}"),
    )  # fmt: skip
    for old, new in zip(node.outputs, copy.outputs, strict=True):
        new.name = op.name(f"baseline/{old.name}") if old.name else ""
        new.type, new.shape = old.type, old.shape
    op.graph.append(copy)
    return dict(zip(node.outputs, copy.outputs, strict=True))


def _baseline(op: Builder, leaf: Leaf, x: ir.Value, params: BaselineParams) -> ir.Value:
    axis = item_axis(x)
    lengths = [d for i, d in enumerate(dimensions(x) or []) if i != axis]
    of = subject(
        leaf.name, [d if isinstance(d, int) else _LONG for d in lengths], embedding=leaf.kind == "embedding"
    )
    fixed = constant(params, of)
    if fixed is not None:
        return _expanded(op, fixed, x, axis)
    if given_for(params, leaf.name) == "mean":
        mean: ir.Value = op.ReduceMean(x, [i + (i >= axis) for i in of.space], keepdims=1)
        return op.expand_like(mean, x)
    return _blurred(op, x, axis, of, params)


def _expanded(op: Builder, fixed: np.ndarray, x: ir.Value, axis: int) -> ir.Value:
    first = fixed.ravel()[:1]
    small = first.reshape([1] * (fixed.ndim + 1)) if not any(fixed.strides) else np.expand_dims(fixed, axis)
    assert x.dtype is not None
    return op.expand_like(op.constant(small.astype(x.dtype.numpy())), x)


def _blurred(op: Builder, x: ir.Value, axis: int, of: Subject, params: BaselineParams) -> ir.Value:
    """Blur along each axis of space by a matrix: what a Gaussian filter does to each unit vector."""
    for i, deviation in enumerate(of.deviations(params.blur)):
        if deviation == 0:
            continue
        if of.shape[i] == _LONG:
            raise InvalidRequest(
                f"the lengths of {of.name!r} must be known to blur it; explain inputs of a concrete shape",
                pointer=f"/params/{of.pointer}",
            )
        at, rank = i + (i >= axis), len(of.shape) + 1
        assert x.dtype is not None
        matrix = blurred(np.eye(of.shape[i]), [deviation, 0.0]).astype(x.dtype.numpy())
        perm = [j for j in range(rank) if j != at] + [at]
        back = [perm.index(j) for j in range(rank)]
        mixed = op.MatMul(op.Transpose(x, perm=perm), op.constant(matrix.T.copy()))
        shape = x.shape
        x = op.Transpose(mixed, perm=back)
        x.shape = shape
    return x


def balance(graph: ExplanationGraph, target: ir.Value, arrays: dict[str, ir.Value]) -> dict[str, ir.Value]:
    """Return, per item, the score at the baseline and what the attributions miss of the difference to it."""
    op = graph.op
    before, after = (
        sum_per_item(op, _with_shape(op.Mul(v, graph.weights), graph.target)) for v in (target, graph.target)
    )
    delta = op.Sub(after, before)
    for leaf in graph.leaves:
        delta = op.Sub(delta, _per_item(op, arrays[f"attribution.{leaf.name}"], leaf.source))
    return {"account.baseline_score": before, "account.delta": delta}


def _with_shape(a: ir.Value, like: ir.Value) -> ir.Value:
    a.shape = like.shape
    return a


def _per_item(op: Builder, a: ir.Value, like: ir.Value) -> ir.Value:
    """Sum over all axes but the items', wherever that is; an input without such an axis is one item's, or shared by all."""
    if like.producer() is not None:
        return sum_per_item(op, _with_shape(a, like))
    rank = len(dimensions(like) or [])
    if BATCH not in (dimensions(like) or []):
        whole: ir.Value = op.Reshape(op.ReduceSum(a, keepdims=0), [1])
        return whole
    axes = [i for i in range(rank) if i != item_axis(like)]
    total: ir.Value = op.ReduceSum(a, axes, keepdims=0) if axes else a
    return total
