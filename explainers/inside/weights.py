"""Weights of layers as they act: convolution kernels and dense matrices, outputs first, constants folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from ..errors import InvalidRequest, ResourceLimit, TensorUnknown
from ..graph.build import dimensions
from ..graph.passes.expand import KEPT as DEPLOYED
from ..graph.passes.expand import PART_OF
from ..graph.table import attributes
from ..types import Array

MOST_BYTES = 1 << 28
_PLAIN = frozenset({"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "Dropout"})
_SCALING = frozenset({"Sub", "Div", "Mul", "Add"})


@dataclass(frozen=True)
class Filter:
    """One layer's weights: (outputs, inputs of one group, window...) of a convolution, (outputs, inputs) of a dense layer."""

    name: str
    output: str
    operator: str
    weights: Array
    reads: str = ""
    """The input of the model that a dense layer reads value by value."""


def filters(graph: ir.Graph) -> list[Filter]:
    """Return the weights of every convolution and dense layer of a prepared graph, in topological order."""
    found: dict[str, Filter] = {}
    for node in graph:
        if DEPLOYED in node.metadata_props:
            continue
        weights, read = _weights(node)
        if weights is None or weights.ndim < 2:
            continue
        name = str(node.metadata_props.get(PART_OF, node.name or node.outputs[0].name))
        source = _source(read) if weights.ndim == 2 else None
        if source is not None:
            dims = [d for d in (dimensions(source) or [])[1:] if isinstance(d, int)]
            fits = int(np.prod(dims)) == weights.shape[1] and len(dims) == len(dimensions(source) or []) - 1
            weights = weights.reshape(len(weights), *dims) if fits else weights
            source = source if fits else None
        reads = (source.name or "") if source is not None else ""
        _add(found, Filter(name, node.outputs[0].name or "", node.op_type, weights, reads))
    return list(found.values())


def _add(found: dict[str, Filter], fresh: Filter) -> None:
    """Keep a layer unless it is there; a recurrent cell has several matrices and reads each of them in every step."""
    name, count = fresh.name, 1
    while name in found:
        if np.array_equal(found[name].weights, fresh.weights):
            return
        name, count = f"{fresh.name}#{count}", count + 1
    found[name] = replace(fresh, name=name)


def _weights(node: ir.Node) -> tuple[Array | None, ir.Value | None]:
    """Return a layer's weights, outputs first, and the operand that they are applied to."""
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return None, None
    left, right = node.inputs[0], node.inputs[1]
    a, w = attributes(node), _constant(right)
    if node.op_type == "Conv":
        return w, left
    if node.op_type == "ConvTranspose":
        return _outputs_first(w, a.get("group", 1)) if w is not None else None, left
    if w is not None and w.ndim == 2:
        turned = bool(a.get("transB", 0))
        return (w if turned else w.T) * a.get("alpha", 1.0), left
    w = _constant(left)
    if w is None or w.ndim != 2:
        return None, None
    return (w.T if a.get("transA", 0) else w) * a.get("alpha", 1.0), right


def _constant(v: ir.Value | None) -> Array | None:
    """Return a constant, dequantised where it is kept in few bits."""
    if v is None or v.const_value is not None:
        return v.const_value.numpy() if v is not None and v.const_value is not None else None
    node = v.producer()
    if node is None or node.op_type != "DequantizeLinear":
        return None
    given = [x.const_value.numpy() for x in node.inputs if x is not None and x.const_value is not None]
    if len(given) != len(node.inputs) or attributes(node).get("block_size", 0):
        return None
    q, scale, zero = given[0], given[1], given[2] if len(given) > 2 else np.zeros_like(given[1])
    if scale.ndim == 1 and scale.size > 1:
        axis = attributes(node).get("axis", 1) % q.ndim
        scale, zero = (p.reshape([-1 if i == axis else 1 for i in range(q.ndim)]) for p in (scale, zero))
    return np.asarray((q.astype(np.float32) - zero.astype(np.float32)) * scale)


def _outputs_first(w: Array, groups: int) -> Array:
    """(inputs, outputs of a group, window...) -> (outputs, inputs of a group, window...)"""
    parts = w.reshape(groups, len(w) // groups, *w.shape[1:]).swapaxes(1, 2)
    return parts.reshape(-1, *parts.shape[2:])


def _source(v: ir.Value | None) -> ir.Value | None:
    """Return the input that a tensor is, value by value: reshaped, cast, shifted or scaled by constants at most."""
    while v is not None and (node := v.producer()) is not None:
        if node.op_type in _SCALING:
            open_ = [x for x in node.inputs if x is not None and x.const_value is None]
            v = open_[0] if len(open_) == 1 else None
        else:
            v = node.inputs[0] if node.op_type in _PLAIN else None
    return v if v is not None and v.is_graph_input() else None


def chosen(found: Sequence[Filter], wanted: Sequence[str]) -> list[Filter]:
    """Return the layers called by node or tensor, all by default; refuse those that are not there, and what is too much."""
    if not found:
        raise InvalidRequest(
            "the model has no convolution or dense layer with constant weights", pointer="/method"
        )
    names = {f.output: f for f in found} | {f.name: f for f in found}
    for i, name in enumerate(wanted):
        if name not in names:
            listed = ", ".join(f.name for f in found[:30]) + (
                f" and {len(found) - 30} more" if len(found) > 30 else ""
            )
            raise TensorUnknown(
                f"no layer with weights is called {name!r}; there are: {listed}",
                pointer=f"/params/layer/{i}" if len(wanted) > 1 else "/params/layer",
                layers=[f.name for f in found],
            )
    kept = [names[n] for n in wanted] or list(found)
    size = sum(f.weights.nbytes for f in kept)
    if size > MOST_BYTES:
        raise ResourceLimit(
            f"the weights take {size >> 20} MB and at most {MOST_BYTES >> 20} MB are given; name layers, such as {kept[0].name}",
            pointer="/params/layer",
        )
    return kept
