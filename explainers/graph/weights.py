"""Models whose weights are too many bytes to pass around: a protobuf holds 2 GB when it is written out."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

LIGHT = 4096
"""Bytes up to which a constant stays where only the graph counts; it may be read there: shapes, axes, scales."""
WHOLE = (1 << 31) - (1 << 26)
"""A model up to this many bytes is handed to the runtime in one piece."""


def size(t: onnx.TensorProto) -> int:
    """Return how many bytes a tensor's values take; asking the protobuf would copy them."""
    return math.prod(t.dims) * (_NUMPY[t.data_type].itemsize if t.data_type in _NUMPY else 2)


def without_weights(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, list[onnx.TensorProto]]:
    """Return the model with its large weights turned into inputs, and those weights."""
    heavy = [t for t in proto.graph.initializer if size(t) > LIGHT]
    there = {i.name for i in proto.graph.input}
    light = _shell(proto, {t.name for t in heavy})
    light.graph.input.extend(
        onnx.helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
        for t in heavy
        if t.name not in there
    )
    return light, heavy


def put_back(model: ir.Model, weights: Sequence[onnx.TensorProto]) -> None:
    """Turn inputs that stand for weights into these weights, which are not copied."""
    there = {t.name: t for t in weights}
    inputs = [v for v in model.graph.inputs if v.name in there]
    for value in inputs:
        model.graph.inputs.remove(value)
        value.const_value = ir.from_proto(there[value.name or ""])
        model.graph.register_initializer(value)


def in_parts(proto: onnx.ModelProto, whole: int = WHOLE) -> tuple[bytes, dict[str, np.ndarray]]:
    """Return the bytes of the model and, if it is larger than `whole`, its large weights apart from them."""
    if sum(size(t) for t in proto.graph.initializer) <= whole:
        return proto.SerializeToString(deterministic=True), {}
    heavy = [
        t
        for t in proto.graph.initializer
        if size(t) > LIGHT * 16 and t.HasField("raw_data") and t.data_type in _NUMPY
    ]
    shell = _shell(proto, {t.name for t in heavy})
    shell.graph.initializer.extend(_elsewhere(t) for t in heavy)
    return shell.SerializeToString(deterministic=True), {
        t.name: np.frombuffer(t.raw_data, _NUMPY[t.data_type]).reshape(t.dims) for t in heavy
    }


def digest(proto: onnx.ModelProto, whole: int = WHOLE) -> str:
    """Return the SHA-256 of the model's bytes; of one that is larger than `whole`, of its shell and then its weights."""
    shell, weights = in_parts(proto, whole)
    seen = hashlib.sha256(shell)
    for values in weights.values():
        seen.update(values.data)
    return seen.hexdigest()


_NUMPY: dict[int, np.dtype[Any]] = {
    int(t): onnx.helper.tensor_dtype_to_np_dtype(t)
    for t in (
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.DOUBLE,
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.INT8,
        onnx.TensorProto.UINT8,
        onnx.TensorProto.INT32,
        onnx.TensorProto.INT64,
    )
}


def _shell(proto: onnx.ModelProto, left_out: set[str]) -> onnx.ModelProto:
    light = onnx.ModelProto(
        ir_version=max(proto.ir_version, 4), opset_import=proto.opset_import, functions=proto.functions
    )
    light.metadata_props.extend(proto.metadata_props)
    light.graph.name = proto.graph.name
    light.graph.node.extend(proto.graph.node)
    light.graph.initializer.extend(t for t in proto.graph.initializer if t.name not in left_out)
    light.graph.sparse_initializer.extend(proto.graph.sparse_initializer)
    light.graph.input.extend(proto.graph.input)
    light.graph.output.extend(proto.graph.output)
    light.graph.value_info.extend(proto.graph.value_info)
    return light


def _elsewhere(t: onnx.TensorProto) -> onnx.TensorProto:
    """Return a tensor that says only that its data is given apart."""
    out = onnx.TensorProto(
        name=t.name, data_type=t.data_type, dims=t.dims, data_location=onnx.TensorProto.EXTERNAL
    )
    for k, v in (("location", "given apart"), ("offset", "0"), ("length", str(len(t.raw_data)))):
        out.external_data.append(onnx.StringStringEntryProto(key=k, value=v))
    return out
