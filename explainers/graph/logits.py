"""The input of a final Softmax or Sigmoid, for methods that only ask the deployed model."""

from __future__ import annotations

import onnx

from ..registry import graph_of
from ..signature import Request, target_spec
from ..types import ModelDescription

LAST = ("Softmax", "LogSoftmax", "Sigmoid")
PASSING = ("Identity", "Dropout", "Cast")


def asked_tensor(proto: onnx.ModelProto, description: ModelDescription, request: Request) -> str:
    """Return the tensor that the target names, or the logits below it where they are asked for by `logits: true`.

    Backward methods find the logits in the graph that they build.
    """
    name, kind = target_spec(description, request.target).name, graph_of(request.method)
    asks = kind.family == "sampling" and kind.needs == "run"
    return _below(proto, description, name) if asks and request.target.logits is True else name


def _below(proto: onnx.ModelProto, description: ModelDescription, output: str) -> str:
    makers = {
        made: node for node in proto.graph.node if node.domain in ("", "ai.onnx") for made in node.output
    }
    node = makers.get(output) if any(output == o.name for o in proto.graph.output) else None
    while node is not None and node.op_type in PASSING:
        node = makers.get(node.input[0])
    if node is None or node.op_type not in LAST:
        return output
    logits = description.tensors.get(node.input[0])
    return output if logits is None or not logits.dtype.startswith(("float", "bfloat")) else logits.name
