"""Compute once what depends on no input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from ..constant import Numbers, add_constant

LARGEST = 1 << 22
"""Values per folded tensor: enough for every computation of sizes and small tables; weights are left to the runtime."""
_KEEP = frozenset(
    {
        "RandomNormal",
        "RandomUniform",
        "RandomNormalLike",
        "RandomUniformLike",
        "Multinomial",
        "Bernoulli",
        "Dropout",
        "QuantizeLinear",
        "DequantizeLinear",
        "If",
        "Loop",
        "Scan",
    }
)


def fold_constants(model: ir.Model, largest: int = LARGEST) -> None:
    """Replace nodes whose inputs are all constant by their values, and Shape of a known shape by that shape."""
    graph = model.graph
    for node in list(graph):
        value = _shape_of(node) if node.op_type == "Shape" else _evaluate(node, largest)
        if value is not None:
            _replace(graph, node, value)


def _shape_of(node: ir.Node) -> Numbers | None:
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    if shape is None:
        return None
    start, end = (
        node.attributes[k].as_int() if k in node.attributes else d
        for k, d in (("start", 0), ("end", len(shape)))
    )
    dims = list(shape)[slice(start, end)]
    return np.array(dims, np.int64) if all(isinstance(d, int) for d in dims) else None


def _evaluate(node: ir.Node, largest: int) -> Numbers | None:
    from onnx.reference import ReferenceEvaluator

    inputs = [v for v in node.inputs if v is not None]
    known = all(v.const_value is not None and not v.is_graph_input() for v in inputs)
    if not known or node.op_type in _KEEP or node.domain not in ("", "ai.onnx") or len(node.outputs) != 1:
        return None
    if not inputs and node.op_type != "Constant":
        return None
    out = node.outputs[0]
    size = math.prod(d for d in out.shape if isinstance(d, int)) if out.shape is not None else largest + 1
    if node.op_type != "Constant" and (
        size > largest or out.shape is None or not all(isinstance(d, int) for d in out.shape)
    ):
        return None
    feeds: dict[str, Any] = {
        v.name: v.const_value.numpy() for v in inputs if v.name and v.const_value is not None
    }
    version = node.graph.opset_imports.get("", 23) if isinstance(node.graph, ir.Graph) else 23
    try:
        evaluator = ReferenceEvaluator(ir.to_proto(node), opsets={"": version})
        result = evaluator.run(None, feeds)[0]  # type: ignore[index]  # its stub has the key of a dict
    except Exception:  # noqa: BLE001 - the evaluator raises anything; what it cannot fold the runtime computes
        return None
    return result if isinstance(result, np.ndarray) else np.asarray(result)


def _replace(graph: ir.Graph, node: ir.Node, value: Numbers) -> None:
    old = node.outputs[0]
    if old.is_graph_output():
        return
    new = add_constant(graph, value, f"{old.name}/folded")
    ir.convenience.replace_all_uses_with(old, new)
    graph.remove(node, safe=True)
