"""Give a ZipMapped classifier its probabilities back as a tensor."""

from __future__ import annotations

import onnx


def unzip_maps(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with each ZipMap replaced by an Identity: a row of probabilities per item, in the order of the classes."""
    zips = {n.output[0]: n for n in proto.graph.node if n.op_type == "ZipMap" and n.domain == "ai.onnx.ml"}
    if not zips:
        return proto
    out = onnx.ModelProto()
    out.CopyFrom(proto)
    for node in out.graph.node:
        if node.output and node.output[0] in zips:
            node.op_type, node.domain = "Identity", ""
            del node.attribute[:]
    for value in out.graph.output:
        if value.name in zips:
            value.type.CopyFrom(
                onnx.helper.make_tensor_type_proto(
                    onnx.TensorProto.FLOAT, ["N", len(_classes(zips[value.name]))]
                )
            )
    return out


def _classes(node: onnx.NodeProto) -> list[object]:
    return [v for a in node.attribute for v in [*a.ints, *a.strings]]
