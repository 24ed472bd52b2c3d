"""A front put to a model: its nodes make some of the model's inputs."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import onnx_ir as ir

from ..front import PREFIX, Front
from ..types import Array
from .build import Builder
from .prepare import to_ir

OPERATORS = 7
"""The set of operators for a model that names none of the common ones."""


def fits(proto: onnx.ModelProto) -> bool:
    """Say whether nothing in a model is called as what a front adds."""
    return f"{PREFIX}/".encode() not in proto.SerializeToString()


def put_to(proto: onnx.ModelProto, front: Front) -> onnx.ModelProto:
    """Return the model with a front before it: what the front makes is no input any more, and what it is fed is one."""
    model = to_ir(proto)
    graph = model.graph
    model.opset_imports.setdefault("", OPERATORS)
    fed = {name: _fed(name, a) for name, a in {**front.shared, **front.rows(0, 0)}.items()}
    inputs = {v.name: v for v in graph.inputs}
    graph.inputs.extend(fed.values())
    made = front.nodes(Builder(graph, PREFIX), fed)
    for name in front.makes:
        _put_in_place(graph, inputs[name], made[name])
    graph.sort()
    return ir.to_proto(model)


def with_outputs(proto: onnx.ModelProto, extra: Sequence[str]) -> onnx.ModelProto:
    """Return the model with inner tensors among its outputs; their types are the runtime's to infer."""
    there = {o.name for o in proto.graph.output}
    if there.issuperset(extra):
        return proto
    out = onnx.ModelProto()
    out.CopyFrom(proto)
    out.graph.output.extend(onnx.ValueInfoProto(name=n) for n in extra if n not in there)
    return out


def _fed(name: str, a: Array) -> ir.Value:
    shape = ir.Shape([None] * a.ndim)
    return ir.Value(name=name, type=ir.TensorType(ir.DataType.from_numpy(a.dtype)), shape=shape)


def _put_in_place(graph: ir.Graph, old: ir.Value, made: ir.Value) -> None:
    ir.convenience.replace_all_uses_with(old, made, replace_graph_outputs=True)
    graph.inputs.remove(old)
    name, old.name = old.name, None
    made.name, made.type, made.shape = name, old.type, old.shape
