"""What a stranger's model may hold: operators, opsets, sizes and files, looked at in every corner of the protobuf."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from ..errors import ModelForbidden, ModelUnparseable
from .calls import check_calls
from .limits import Limits
from .passes.apart import RUNTIMES_OWN
from .stored import check_sparse, check_tensor

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
FORBIDDEN = frozenset({"com.microsoft::EPContext", "com.microsoft::PyOp"})
OLDEST, NEWEST = 7, onnx.defs.onnx_opset_version()
NEWEST_ML = onnx.defs.onnx_ml_opset_version() if hasattr(onnx.defs, "onnx_ml_opset_version") else 5
NEWEST_IR = int(onnx.IR_VERSION)

Body = onnx.GraphProto | onnx.FunctionProto


def inspect(proto: onnx.ModelProto, limits: Limits, *, external: bool) -> None:
    """Refuse forbidden operators, opsets, files and sizes, wherever in the model they are."""
    _check_versions(proto)
    if not proto.graph.output:
        raise ModelUnparseable("the graph has no output")
    local = {(f.domain, f.name) for f in proto.functions}
    if len(proto.functions) > limits.functions:
        raise ModelForbidden(f"the model has more than {limits.functions} functions", reason="limits")
    count = 0
    for depth, body in bodies(proto):
        if depth > limits.depth:
            raise ModelForbidden(f"subgraphs are nested deeper than {limits.depth}", reason="limits")
        count += len(body.node)
        if count > limits.nodes:
            raise ModelForbidden(f"the model has more than {limits.nodes} nodes", reason="limits")
        _check_names(body, limits)
        for node in body.node:
            _check_node(node, local, limits)
    check_calls(proto, limits)
    for tensor in tensors_in(proto):
        check_tensor(tensor, limits, external=external)
    check_sparse(sparse_in(proto), limits)


def _check_versions(proto: onnx.ModelProto) -> None:
    if not 0 <= proto.ir_version <= NEWEST_IR:
        raise ModelForbidden(
            f"the model is of IR version {proto.ir_version}; onnxplain reads versions up to {NEWEST_IR}",
            reason="op-not-allowed",
        )
    for imports in (proto.opset_import, *(f.opset_import for f in proto.functions)):
        for entry in imports:
            _check_opset(entry.domain, entry.version)


def _check_opset(domain: str, version: int) -> None:
    if domain in ("", "ai.onnx") and not OLDEST <= version <= NEWEST:
        raise ModelForbidden(
            f"the model is of opset {version}; onnxplain runs {OLDEST} to {NEWEST}. "
            "onnx.version_converter.convert_version, or a new export, brings it there",
            reason="op-not-allowed",
        )
    if domain == "ai.onnx.ml" and not 1 <= version <= NEWEST_ML:
        raise ModelForbidden(
            f"the model is of opset {version} of ai.onnx.ml; onnxplain runs 1 to {NEWEST_ML}",
            reason="op-not-allowed",
        )


def bodies(proto: onnx.ModelProto) -> Iterator[tuple[int, Body]]:
    """Return every graph and function with the depth of its nesting, also those for training."""
    stack: list[tuple[int, Body]] = [(0, proto.graph), *((0, f) for f in proto.functions)]
    for training in proto.training_info:
        stack += [(0, training.initialization), (0, training.algorithm)]
    while stack:
        depth, body = stack.pop()
        yield depth, body
        stack.extend((depth + 1, g) for a in attributes(body) for g in _graphs(a))


def attributes(body: Body) -> Iterator[onnx.AttributeProto]:
    """Return the attributes of all nodes of a body, and a function's defaults."""
    for node in body.node:
        yield from node.attribute
    if isinstance(body, onnx.FunctionProto):
        yield from body.attribute_proto


def _graphs(a: onnx.AttributeProto) -> list[onnx.GraphProto]:
    return [*([a.g] if a.HasField("g") else []), *a.graphs]


def tensors_in(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Return every tensor in a model: weights, sparse ones, those in attributes, subgraphs, functions and training."""
    for _, body in bodies(proto):
        if isinstance(body, onnx.GraphProto):
            yield from body.initializer
        for a in attributes(body):
            yield from ([a.t] if a.HasField("t") else [])
            yield from a.tensors
    for sparse in sparse_in(proto):
        yield from (sparse.values, sparse.indices)


def sparse_in(proto: onnx.ModelProto) -> Iterator[onnx.SparseTensorProto]:
    """Return every sparse tensor in a model: weights and those in attributes."""
    for _, body in bodies(proto):
        if isinstance(body, onnx.GraphProto):
            yield from body.sparse_initializer
        for a in attributes(body):
            yield from ([a.sparse_tensor] if a.HasField("sparse_tensor") else [])
            yield from a.sparse_tensors


def _check_names(body: Body, limits: Limits) -> None:
    names = [body.name]
    if isinstance(body, onnx.GraphProto):
        values = (body.input, body.output, body.value_info, body.initializer)
        names += [v.name for part in values for v in part]
        names += [s.values.name for s in body.sparse_initializer]
    if max(map(len, names)) > limits.name_length:
        raise ModelForbidden(
            f"a tensor's name is longer than {limits.name_length} characters", reason="limits"
        )


def _check_node(node: onnx.NodeProto, local: set[tuple[str, str]], limits: Limits) -> None:
    operator = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
    if max(map(len, (node.name, operator, *node.input, *node.output))) > limits.name_length:
        raise ModelForbidden(f"a node's name is longer than {limits.name_length} characters", reason="limits")
    who = f"node {node.name[:80] or '?'!r} is a {operator[:80]!r}"
    known = (node.domain, node.op_type) in local
    if operator in FORBIDDEN or (not known and node.domain not in DOMAINS):
        raise ModelForbidden(
            f"{who}, an operator that onnxplain does not run; "
            f"allowed are the domains {', '.join(sorted(DOMAINS - {''}))}",
            reason="op-not-allowed",
        )
    standard = node.domain in ("", "ai.onnx")
    if not known and standard and not onnx.defs.has(node.op_type) and node.op_type not in RUNTIMES_OWN:
        raise ModelForbidden(f"{who}, which is no operator of ONNX", reason="op-not-allowed")
