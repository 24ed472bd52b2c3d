"""Write Loop and Scan out, turn by turn, where the number of turns is known before the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_ir as ir

from ...errors import ResourceLimit
from ..build import Builder, dimensions
from ..constant import constant_value
from .expand import replace_node
from .splice import splice

TURNS = 4096
NODES = 400_000
"""How many turns, and nodes in all of them, a Loop or Scan may be written out to."""


def unroll_loops(model: ir.Model, assume: Mapping[str, Any]) -> bool:
    """Write out each Loop and Scan with a known number of turns; say whether there was one.

    `assume` gives numbers of turns by node name, known otherwise than from the graph.
    """
    found = [(n, assume.get(n.name or "", turns(n))) for n in model.graph if n.op_type in ("Loop", "Scan")]
    known = [(n, int(count)) for n, count in found if count is not None]
    if known:
        op = Builder(model.graph)
        for node, count in known:
            _check(node, count)
            op.prefix = node.name or node.op_type
            (_unroll_loop if node.op_type == "Loop" else _unroll_scan)(op, model.graph, node, count)
        model.graph.sort()
    return bool(known)


def turns(node: ir.Node) -> int | None:
    """Return how often the body runs, None where only the run knows."""
    return _loop_turns(node) if node.op_type == "Loop" else _scan_turns(node)


def _loop_turns(node: ir.Node) -> int | None:
    body, limit, first = node.attributes["body"].as_graph(), node.inputs[0], node.inputs[1]
    begin = constant_value(first)
    if first is not None and begin is None:
        return None
    if begin is not None and not bool(begin.reshape(-1)[0]):
        return 0
    count, again = constant_value(limit), body.outputs[0]
    if count is None or not _stays_true(again, body):
        return None
    return max(0, int(count.reshape(-1)[0]))


def _stays_true(again: ir.Value, body: ir.Graph) -> bool:
    """Say whether the body's condition is its own input handed on, or a constant that is true."""
    while (
        (maker := again.producer()) is not None
        and maker.op_type in ("Identity", "Cast")
        and maker.inputs[0] is not None
    ):
        again = maker.inputs[0]
    if again is body.inputs[1]:
        return True
    known = constant_value(again)
    if known is None and maker is not None and maker.op_type == "Constant" and "value" in maker.attributes:
        known = maker.attributes["value"].as_tensor().numpy()
    return known is not None and bool(known.reshape(-1)[0])


def _scan_turns(node: ir.Node) -> int | None:
    scanned = int(node.attributes["num_scan_inputs"].as_int())
    axes = _ints(node, "scan_input_axes", scanned)
    for v, axis in zip(list(node.inputs)[-scanned:], axes, strict=True):
        dims = dimensions(v) if v is not None else None
        if dims is not None and isinstance(length := dims[axis], int):
            return length
    return None


def _ints(node: ir.Node, name: str, count: int) -> list[int]:
    return list(node.attributes[name].as_ints()) if name in node.attributes else [0] * count


def _check(node: ir.Node, count: int) -> None:
    size = sum(1 for _ in node.attributes["body"].as_graph().all_nodes())
    if count > TURNS or count * size > NODES:
        raise ResourceLimit(
            f"{node.op_type} {node.name!r} runs {count} turns of {size} nodes; derivatives are compiled for at most "
            f"{TURNS} turns and {NODES} nodes in all. Give it shorter inputs, or use a method that only evaluates the model"
        )


def _unroll_loop(op: Builder, graph: ir.Graph, node: ir.Node, count: int) -> None:
    body = node.attributes["body"].as_graph()
    state = list(node.inputs)[2:]
    carried = len(state)
    stacks: list[list[ir.Value]] = [[] for _ in range(len(body.outputs) - 1 - carried)]
    for turn in range(count):
        numbers = [op.constant(np.array(turn, np.int64)), op.constant(np.array(True))]
        given = {k: v for k, v in zip(body.inputs, [*numbers, *state], strict=True) if v is not None}
        outputs = splice(graph, node, body, given, f"{node.name}/{turn}")
        state = list(outputs[1 : 1 + carried])
        for stack, v in zip(stacks, outputs[1 + carried :], strict=True):
            stack.append(v)
    old = list(node.outputs)[carried:]
    replace_node(graph, node, [*state, *(_stacked(op, s, 0, v) for s, v in zip(stacks, old, strict=True))])


def _stacked(op: Builder, parts: list[ir.Value], axis: int, old: ir.Value) -> ir.Value:
    """Put one value of each turn along a new axis."""
    if not parts:
        dims = [d if isinstance(d, int) else 0 for d in (dimensions(old) or [0])]
        return op.constant(np.zeros([0, *dims[1:]], (old.dtype or ir.DataType.FLOAT).numpy()))
    wide = [op.Unsqueeze(v, [axis]) for v in parts]
    stacked: ir.Value = op.Concat(*wide, axis=axis)
    return stacked


def _unroll_scan(op: Builder, graph: ir.Graph, node: ir.Node, count: int) -> None:
    body, scanned = node.attributes["body"].as_graph(), int(node.attributes["num_scan_inputs"].as_int())
    carried = len(node.inputs) - scanned
    state, sources = list(node.inputs)[:carried], list(node.inputs)[carried:]
    axes, back = _ints(node, "scan_input_axes", scanned), _ints(node, "scan_input_directions", scanned)
    old = list(node.outputs)[carried:]
    stacks: list[list[ir.Value]] = [[] for _ in old]
    for turn in range(count):
        at = [np.array(count - 1 - turn if b else turn, np.int64) for b in back]
        items = [op.Gather(v, i, axis=a) for v, i, a in zip(sources, at, axes, strict=True)]
        given = {k: v for k, v in zip(body.inputs, [*state, *items], strict=True) if v is not None}
        outputs = splice(graph, node, body, given, f"{node.name}/{turn}")
        state = list(outputs[:carried])
        for stack, v in zip(stacks, outputs[carried:], strict=True):
            stack.append(v)
    out_axes, flips = (
        _ints(node, "scan_output_axes", len(old)),
        _ints(node, "scan_output_directions", len(old)),
    )
    ys = [
        _stacked(op, s[::-1] if f else s, a, v)
        for s, a, f, v in zip(stacks, out_axes, flips, old, strict=True)
    ]
    replace_node(graph, node, [*state, *ys])
