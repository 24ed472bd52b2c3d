"""Set operators apart that only ONNX Runtime knows, though its optimiser writes them into the standard's domain."""

from __future__ import annotations

import onnx

RUNTIMES_OWN = {"SimplifiedLayerNormalization": None, "LayerNormalization": 17}
"""Operators of the runtime in the standard's domain, each with the opset from which the standard has it too."""
MICROSOFT = "com.microsoft"


def set_apart(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with such nodes in the runtime's own domain, the same object where there are none."""
    version = next((e.version for e in proto.opset_import if e.domain in ("", "ai.onnx")), 1)
    if not any(_is_foreign(n, version) for n in proto.graph.node):
        return proto
    out = onnx.ModelProto()
    out.CopyFrom(proto)
    for node in out.graph.node:
        if _is_foreign(node, version):
            node.domain = MICROSOFT
    if not any(e.domain == MICROSOFT for e in out.opset_import):
        out.opset_import.append(onnx.helper.make_opsetid(MICROSOFT, 1))
    return out


def _is_foreign(node: onnx.NodeProto, version: int) -> bool:
    if node.domain not in ("", "ai.onnx") or node.op_type not in RUNTIMES_OWN:
        return False
    since = RUNTIMES_OWN[node.op_type]
    return since is None or version < since
