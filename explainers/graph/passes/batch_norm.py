"""Merge a BatchNormalization into the linear operator before it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import onnx_ir as ir

from ..constant import Numbers, add_constant, constant_value

_AXIS = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0}


def fold_batch_norm(model: ir.Model, keep: Collection[str] = ()) -> list[str]:
    """Merge where the operator before has constant weights and no other reader; return the names of what was merged."""
    norms = [n for n in model.graph if n.op_type == "BatchNormalization" and not _training(n)]
    return [
        n.name or ""
        for n in norms
        if n.inputs[0] is not None and n.inputs[0].name not in keep and _merge(model.graph, n)
    ]


def _training(node: ir.Node) -> bool:
    return "training_mode" in node.attributes and node.attributes["training_mode"].as_int() != 0


def _merge(graph: ir.Graph, norm: ir.Node) -> bool:
    x = norm.inputs[0]
    linear = x.producer() if x is not None else None
    if (
        linear is None
        or x is None
        or linear.op_type not in _AXIS
        or len(x.uses()) != 1
        or x.is_graph_output()
    ):
        return False
    constants = [constant_value(v) for v in norm.inputs[1:5]]
    weight, bias = (
        constant_value(linear.inputs[1]),
        constant_value(linear.inputs[2]) if len(linear.inputs) > 2 else np.zeros(1),
    )
    if any(c is None for c in constants) or weight is None or bias is None or not _plain_gemm(linear):
        return False
    scale, shift, mean, var = (np.asarray(c, np.float64) for c in constants)
    epsilon = norm.attributes["epsilon"].as_float() if "epsilon" in norm.attributes else 1e-5
    factor = scale / np.sqrt(var + epsilon)
    new_weight = _scaled(linear, weight.astype(np.float64), factor).astype(weight.dtype)
    new_bias = ((bias.astype(np.float64) - mean) * factor + shift).astype(weight.dtype)
    _set_input(graph, linear, 1, new_weight, f"{norm.name}/weight")
    _set_input(graph, linear, 2, new_bias, f"{norm.name}/bias")
    name = norm.outputs[0].name
    ir.convenience.replace_all_uses_with(norm.outputs[0], x, replace_graph_outputs=True)
    graph.remove(norm, safe=True)
    # the merged tensor is the norm's result: nobody may ask for the other one by name and get this one
    x.name = name
    return True


def _plain_gemm(node: ir.Node) -> bool:
    return node.op_type != "Gemm" or all(
        k not in node.attributes or node.attributes[k].as_float() == 1.0 for k in ("alpha", "beta")
    )


def _scaled(linear: ir.Node, w: Numbers, factor: Numbers) -> Any:
    if linear.op_type == "ConvTranspose":
        group = linear.attributes["group"].as_int() if "group" in linear.attributes else 1
        per_group = factor.reshape(group, -1)
        wide = np.repeat(per_group, w.shape[0] // group, axis=0)
        return w * wide.reshape(w.shape[0], w.shape[1], *[1] * (w.ndim - 2))
    if linear.op_type == "Gemm" and not (
        "transB" in linear.attributes and linear.attributes["transB"].as_int()
    ):
        return w * factor
    return w * factor.reshape(-1, *[1] * (w.ndim - 1))


def _set_input(graph: ir.Graph, node: ir.Node, index: int, a: Numbers, name: str) -> None:
    value = add_constant(graph, a, f"{name}/{node.name}/merged")
    if len(node.inputs) <= index:
        node.resize_inputs(index + 1)
    node.replace_input_with(index, value)
