"""Write operators that ONNX defines as functions out as their bodies, where no rule exists for them whole."""

from __future__ import annotations

from typing import Any

import onnx
import onnx_ir as ir

from ...ops import VJPS
from ..build import dimensions
from ..table import NO_DERIVATIVE, key
from .expand import EXPANSIONS, replace_node, settle, sign
from .opset import OPSET
from .splice import splice

_WHOLE = frozenset({"Range", "Bernoulli", "BlackmanWindow", "HammingWindow", "HannWindow"})
"""Functions of sizes and chance: nothing in them has a slope, and the runtime knows them."""


_WRITTEN = frozenset({"", "ai.onnx", "ai.onnx.preview"})


def expand_functions(model: ir.Model) -> bool:
    """Write out every node that has a body and no rule, in subgraphs as well; say whether there was one."""
    version = model.opset_imports.get("", OPSET)
    done = False
    for graph in [model.graph, *model.graph.subgraphs()]:
        wanted = {n for n in graph if _is_candidate(n, version)}
        for node in list(graph) if wanted else []:
            settle(node, version)
            if node in wanted and all(v is None or v.type is not None for v in node.inputs):
                done |= _write_out(graph, node, version)
    return done


def _is_candidate(node: ir.Node, version: int) -> bool:
    name = key(node)
    if (
        name in VJPS
        or name in NO_DERIVATIVE
        or name in EXPANSIONS
        or name in _WHOLE
        or node.domain not in _WRITTEN
    ):
        return False
    if not onnx.defs.has(node.op_type, _domain(node)):
        return False
    schema = _schema(node, version)
    return bool(schema.has_function or schema.has_context_dependent_function)


def _domain(node: ir.Node) -> str:
    return "" if node.domain == "ai.onnx" else node.domain


def _schema(node: ir.Node, version: int) -> Any:
    """Return the standard's entry; what it says of bodies is missing from the library's types."""
    return onnx.defs.get_schema(node.op_type, 1 if _domain(node) else version, _domain(node))


def _write_out(graph: ir.Graph, node: ir.Node, version: int) -> bool:
    function = _body(node, version)
    if function is None:
        return False
    body = _as_graph(function, node)
    given = {b: v for b, v in zip(body.inputs, node.inputs, strict=False) if v is not None}
    outputs = splice(graph, node, body, given, node.name or node.op_type)
    fresh = [n for n in graph if n.name and n.name.startswith(f"{node.name}/")]
    sign(fresh, node)
    replace_node(graph, node, outputs)
    for new in fresh:
        settle(new, version)
    return True


def _body(node: ir.Node, version: int) -> onnx.FunctionProto | None:
    """Return the function that the standard gives for this node, with its types and attributes."""
    schema = _schema(node, version)
    if schema.has_function:
        newest = max(v for v in schema.function_opset_versions if v <= version)
        return onnx.FunctionProto.FromString(schema.get_function_with_opset_version(newest))
    newest = max((v for v in schema.context_dependent_function_opset_versions if v <= version), default=None)
    if newest is None:
        return None
    types = [_type(v).SerializeToString() for v in node.inputs]
    text = schema.get_context_dependent_function_with_opset_version(
        newest, ir.to_proto(node).SerializeToString(), types
    )
    return onnx.FunctionProto.FromString(text) if text else None


def _type(v: ir.Value | None) -> onnx.TypeProto:
    if v is None or v.dtype is None:
        return onnx.TypeProto()
    return onnx.helper.make_tensor_type_proto(int(v.dtype), None if v.shape is None else dimensions(v))


def _as_graph(function: onnx.FunctionProto, node: ir.Node) -> ir.Graph:
    """Return the body with this node's attributes in place, brought to the one opset, its absent inputs left out."""
    proto = onnx.FunctionProto()
    proto.CopyFrom(function)
    known = {a.name: a for a in ir.to_proto(node).attribute}
    known |= {a.name: a for a in function.attribute_proto if a.name not in known}
    absent = {
        n
        for n, v in zip(function.input, [*node.inputs, *[None] * len(function.input)], strict=False)
        if v is None
    }
    _resolve(proto.node, known, absent)
    read = [(n, v) for n, v in zip(function.input, node.inputs, strict=False) if v is not None]
    given = [onnx.ValueInfoProto(name=n, type=_type(v)) for n, v in read]
    outputs = [onnx.ValueInfoProto(name=n) for n in list(function.output)[: len(node.outputs)]]
    graph = onnx.helper.make_graph(list(proto.node), function.name, given, outputs)
    # a body of another domain may leave the standard's version to the model
    version = next((e.version for e in function.opset_import if e.domain in ("", "ai.onnx")), OPSET)
    imports = [e for e in function.opset_import if e.domain not in ("", "ai.onnx")]
    model = onnx.helper.make_model(
        graph, opset_imports=[*imports, onnx.helper.make_opsetid("", version)], ir_version=10
    )
    if version < 18:
        model = onnx.version_converter.convert_version(model, OPSET)
    body = ir.from_proto(model).graph
    names = {v.name: v for v in body.inputs}
    body.inputs[:] = [names.get(n) or ir.Value(name=n) for n in list(function.input)[: len(node.inputs)]]
    return body


def _resolve(nodes: Any, known: dict[str, onnx.AttributeProto], absent: set[str]) -> None:
    """Put attributes where the body refers to them; an attribute that is not given is left out, as is an absent input."""
    for node in nodes:
        for i, name in enumerate(node.input):
            if name in absent:
                node.input[i] = ""
        kept = []
        for a in node.attribute:
            if a.ref_attr_name:
                if a.ref_attr_name in known:
                    given = onnx.AttributeProto()
                    given.CopyFrom(known[a.ref_attr_name])
                    given.name = a.name
                    kept.append(given)
                continue
            if a.HasField("g"):
                _resolve(a.g.node, known, absent)
            kept.append(a)
        del node.attribute[:]
        node.attribute.extend(kept)
