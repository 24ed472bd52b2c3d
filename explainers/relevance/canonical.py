"""Bring batch norms that stand before a convolution into it, so that rules see one linear operator."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from ..graph.build import Builder
from ..graph.constant import Numbers, add_constant, constant_value
from ..graph.table import attributes


def merge_right(op: Builder, keep: Collection[ir.Value]) -> list[str]:
    """Merge BatchNormalization → Conv, and BatchNormalization → Relu → Conv; return the names of the norms.

    relu(f x + c) = |f| (max(s x, -t) + t) with s the sign of f and t = c / |f|: the scale goes into the kernels, the
    shift into the bias, and what is left of the Relu is a threshold (Hui & Binder, 2019).
    """
    norms = [n for n in op.graph if n.op_type == "BatchNormalization"]
    return [n.name or "" for n in norms if (chain := _chain(n, keep)) is not None and _merge(op, chain)]


@dataclass(frozen=True)
class _Chain:
    norm: ir.Node
    relu: ir.Node | None
    conv: ir.Node
    factor: Numbers
    shift: Numbers


def _chain(norm: ir.Node, keep: Collection[ir.Value]) -> _Chain | None:
    """Return a norm with the convolution it alone feeds."""
    constants = [constant_value(v) for v in norm.inputs[1:5]]
    training = "training_mode" in norm.attributes and norm.attributes["training_mode"].as_int()
    after = _only_reader(norm.outputs[0], keep)
    relu = after if after is not None and after.op_type == "Relu" else None
    conv = _only_reader(relu.outputs[0], keep) if relu is not None else after
    if (
        conv is None
        or conv.op_type != "Conv"
        or conv.outputs[0] in keep
        or training
        or any(c is None for c in constants)
    ):
        return None
    scale, bias, mean, var = (np.asarray(c, np.float64) for c in constants)
    epsilon = norm.attributes["epsilon"].as_float() if "epsilon" in norm.attributes else 1e-5
    factor = scale / np.sqrt(var + epsilon)
    if (factor == 0).any():
        return None
    return _Chain(norm, relu, conv, factor, bias - mean * factor)


def _only_reader(v: ir.Value, keep: Collection[ir.Value]) -> ir.Node | None:
    readers = v.consumers()
    single = len(readers) == 1 and len(v.uses()) == 1 and v not in keep and not v.is_graph_output()
    return readers[0] if single and readers[0].inputs[0] is v else None


def _merge(op: Builder, chain: _Chain) -> bool:
    x, conv = chain.norm.inputs[0], chain.conv
    weight, bias = (
        constant_value(conv.inputs[1]),
        constant_value(conv.inputs[2]) if len(conv.inputs) > 2 else None,
    )
    shape = list(x.shape or []) if x is not None else []
    space = [d for d in shape[2:] if isinstance(d, int)]
    if x is None or weight is None or len(space) != len(shape) - 2 or (len(conv.inputs) > 2 and bias is None):
        return False
    size = np.abs(chain.factor) if chain.relu is not None else chain.factor
    shift = chain.shift / size
    if chain.relu is not None:
        x = _threshold(op, chain, x, shift)
    group = conv.attributes["group"].as_int() if "group" in conv.attributes else 1
    wide = _per_kernel(size, group, weight)
    added = _constant_part(conv, weight.astype(np.float64) * wide, shift, space)
    total = added + (0 if bias is None else bias.reshape(1, -1, *[1] * len(space)))
    _rewire(op, conv, x, (weight * wide).astype(weight.dtype), total.astype(weight.dtype))
    return True


def _per_kernel(v: Numbers, group: int, weight: Numbers) -> Numbers:
    """Return one number per input channel so that it multiplies kernels (M, C/g, ...)."""
    per_group = np.repeat(v.reshape(group, -1), weight.shape[0] // group, axis=0)
    return per_group.reshape(*per_group.shape, *[1] * (weight.ndim - 2))


def _threshold(op: Builder, chain: _Chain, x: ir.Value, shift: Numbers) -> ir.Value:
    """Put max(s x, -t) in place of norm and Relu."""
    assert chain.relu is not None
    wide, kind = [1, -1, *[1] * (len(x.shape or []) - 2)], (x.dtype or ir.DataType.FLOAT).numpy()
    signs = np.sign(chain.factor)
    if (signs < 0).any():
        x = _insert(op, chain.conv, "Mul", x, signs.reshape(wide).astype(kind))
    return _insert(op, chain.conv, "Max", x, -shift.reshape(wide).astype(kind))


def _insert(op: Builder, before: ir.Node, operator: str, x: ir.Value, constant: Numbers) -> ir.Value:
    node = ir.node(operator, [x, add_constant(op.graph, constant, op.name("merged"))], name=op.name(operator))
    y = node.outputs[0]
    y.name, y.shape, y.type = node.name, x.shape, x.type
    op.graph.insert_before(before, node)
    return y


def _constant_part(conv: ir.Node, weight: Numbers, shift: Numbers, space: list[int]) -> Numbers:
    """Return what the convolution makes of the shift alone: a map, for padding stays 0."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    full = np.broadcast_to(shift.reshape(1, -1, *[1] * len(space)), (1, len(shift), *space)).astype(
        np.float64
    )
    group = conv.attributes["group"].as_int() if "group" in conv.attributes else 1
    options = {k: v for k, v in attributes(conv).items() if k != "group"}
    parts = []
    # one group at a time: the evaluator's own groups are not to be trusted
    for x, w in zip(np.split(full, group, 1), np.split(weight, group, 0), strict=True):
        node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], **options)
        answers: Any = ReferenceEvaluator(node, opsets={"": 23}).run(None, {"x": x, "w": w})
        parts.append(np.asarray(answers[0]))
    found = np.concatenate(parts, 1)
    centre = found.reshape(*found.shape[:2], -1)
    same = bool((centre == centre[:, :, :1]).all())
    return centre[:, :, :1].reshape(1, -1, *[1] * len(space)) if same else found


def _rewire(op: Builder, conv: ir.Node, x: ir.Value, weight: Numbers, bias: Numbers) -> None:
    """Give the convolution its new operands; a bias that differs over space is added behind it."""
    conv.replace_input_with(0, x)
    conv.replace_input_with(1, add_constant(op.graph, weight, op.name("merged")))
    if len(conv.inputs) > 2:
        conv.resize_inputs(2)
    old = conv.outputs[0]
    node = ir.node("Add", [old, add_constant(op.graph, bias, op.name("merged"))], name=op.name("Add"))
    y = node.outputs[0]
    y.name, y.shape, y.type = node.name, old.shape, old.type
    op.graph.insert_after(conv, node)
    ir.convenience.replace_all_uses_with(old, y, replace_graph_outputs=True)
    node.replace_input_with(0, old)
