"""Where relevance may flow: nodes, channels and neurons that are closed, or the only ones that are open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from ..errors import InvalidRequest, TensorUnknown
from ..graph.build import dimensions
from ..graph.paths import node_name
from .params import Gate


def place(graph: ir.Graph, gate: Gate | str, pointer: str) -> tuple[ir.Value, Gate]:
    """Return the tensor that is meant."""
    gate = Gate(node=gate, channels=None, neurons=None) if isinstance(gate, str) else gate
    for node in graph:
        for y in node.outputs:
            if y.name == gate.node or (node_name(node) == gate.node and y is node.outputs[0]):
                return y, gate
    for v in graph.inputs:
        if v.name == gate.node:
            return v, gate
    raise TensorUnknown(
        f"the prepared graph has no node or tensor {gate.node!r}; it may have been merged into its neighbour",
        pointer=pointer,
    )


def mask(op: Any, v: ir.Value, gates: Sequence[Gate], pointer: str) -> Any:
    """Return 1 where one of the gates of a tensor lies and 0 elsewhere, with one item; None where they cover it whole."""
    if any(g.channels is None and g.neurons is None for g in gates):
        return None
    dims = dimensions(v)
    if dims is None or not all(isinstance(d, int) for d in dims[1:]):
        raise InvalidRequest(
            f"channels of {v.name!r} cannot be named: its shape is not known", pointer=pointer
        )
    m = np.zeros([1, *dims[1:]], (v.dtype or ir.DataType.FLOAT).numpy())  # type: ignore[list-item]
    for gate in gates:
        _open(m, gate, pointer)
    return op.constant(m)


def _open(m: Any, gate: Gate, pointer: str) -> None:
    try:
        for channel in gate.channels or []:
            m[:, channel] = 1
        for neuron in gate.neurons or []:
            m[(0, *neuron)] = 1
    except IndexError as e:
        raise InvalidRequest(
            f"{gate.node!r} has shape {list(m.shape[1:])} behind the items: {e}", pointer=pointer
        ) from e


def stages(places: Sequence[ir.Value], nodes: Sequence[ir.Node]) -> list[list[ir.Value]]:
    """Order the tensors through which relevance must flow from target to inputs; independent ones together."""
    above: dict[ir.Value, set[ir.Value]] = {}
    for node in nodes:
        seen = {p for v in node.inputs if v is not None for p in above.get(v, set()) | ({v} & set(places))}
        above.update((y, seen) for y in node.outputs)
    depth = dict.fromkeys(places, 0)
    for _ in places:
        for p in places:
            for q in above.get(p, set()):
                depth[q] = max(depth[q], depth[p] + 1)
    return [[p for p in dict.fromkeys(places) if depth[p] == d] for d in sorted(set(depth.values()))]
