"""Bring a model to the one opset that the rules are written for."""

from __future__ import annotations

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from ...errors import ModelForbidden
from ..weights import without_weights

OPSET = 23


def inline_functions(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with the functions it defines itself written out where they are called."""
    if not proto.functions:
        return proto
    model = ir.from_proto(proto)
    common.InlinePass()(model)
    return ir.to_proto(model)


def to_opset(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model in opset 23, or in its own where that is newer."""
    versions = {e.domain or "ai.onnx": e.version for e in proto.opset_import}
    if "ai.onnx" not in versions:
        # a model of ai.onnx.ml alone; its explanation needs the standard's operators
        proto, version = _with_standard(proto), OPSET
    else:
        version = versions["ai.onnx"]
    if version < OPSET:
        proto = _convert(proto, version)
    return proto


def _with_standard(proto: onnx.ModelProto) -> onnx.ModelProto:
    out = onnx.ModelProto()
    out.CopyFrom(proto)
    out.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    return out


def _convert(proto: onnx.ModelProto, version: int) -> onnx.ModelProto:
    light, heavy = without_weights(proto)
    try:
        converted: onnx.ModelProto = onnx.version_converter.convert_version(light, OPSET)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as e:
        said = str(e).strip().splitlines()[-1][:300] if str(e).strip() else type(e).__name__
        raise ModelForbidden(
            f"the model of opset {version} cannot be brought to opset {OPSET}, in which derivatives are compiled: {said}. "
            "Methods that only evaluate the model still work"
        ) from e
    names = {t.name for t in heavy}
    inputs = [i for i in converted.graph.input if i.name not in names]
    del converted.graph.input[:]
    converted.graph.input.extend(inputs)
    converted.graph.initializer.extend(heavy)
    return converted
