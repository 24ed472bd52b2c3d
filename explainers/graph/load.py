"""Bytes to a checked model: parsed, bounded, and refused with a reason where it is no model we run."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from ..errors import ModelForbidden, ModelUnparseable
from .limits import Limits
from .passes.apart import RUNTIMES_OWN, set_apart
from .weights import without_weights

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
FORBIDDEN = frozenset({"com.microsoft::EPContext", "com.microsoft::PyOp"})
OLDEST, NEWEST = 7, onnx.defs.onnx_opset_version()


def read(
    source: str | Path | bytes | onnx.ModelProto, limits: Limits | None = None
) -> tuple[onnx.ModelProto, str]:
    """Return the model and the SHA-256 of its bytes; refuse what is no runnable ONNX model."""
    limits = limits or Limits()
    data = source.SerializeToString() if isinstance(source, onnx.ModelProto) else source
    folder = None
    if isinstance(data, str | Path):
        folder, data = Path(data).resolve().parent, _bytes_of(Path(data), limits)
    proto = parse(data, limits)
    inspect(proto, limits, external=folder is not None)
    if folder is not None:
        onnx.load_external_data_for_model(proto, str(folder))
    check(proto)
    return proto, hashlib.sha256(data).hexdigest()


def _bytes_of(path: Path, limits: Limits) -> bytes:
    if not path.is_file():
        raise ModelUnparseable(f"{path} is no file; give the path of an .onnx model")
    if path.stat().st_size > limits.bytes:
        raise ModelForbidden(f"{path} has {path.stat().st_size} bytes, the limit is {limits.bytes}")
    return path.read_bytes()


def parse(data: bytes, limits: Limits) -> onnx.ModelProto:
    """Return the protobuf in the bytes."""
    if len(data) > limits.bytes:
        raise ModelForbidden(f"the model has {len(data)} bytes, the limit is {limits.bytes}")
    if data[4:8] == b"ORTM":
        raise ModelForbidden(
            "this is a model in ONNX Runtime's own format (.ort); upload the .onnx it was made from"
        )
    try:
        proto = onnx.ModelProto.FromString(data)
    except (DecodeError, RecursionError) as e:
        raise ModelUnparseable(
            "the bytes are no ONNX model: the protobuf does not parse; is the file whole?"
        ) from e
    if not proto.HasField("graph") or not proto.opset_import:
        raise ModelUnparseable("the bytes hold no ONNX graph with an opset; is this an .onnx file?")
    return proto


def inspect(proto: onnx.ModelProto, limits: Limits, *, external: bool) -> None:
    """Refuse forbidden operators, opsets, files and sizes, wherever in the model they are."""
    _check_opsets(proto)
    if not proto.graph.output:
        raise ModelUnparseable("the graph has no output")
    local = {(f.domain, f.name) for f in proto.functions}
    count = 0
    for depth, graph in _graphs(proto):
        if depth > limits.depth:
            raise ModelForbidden(f"subgraphs are nested deeper than {limits.depth}")
        count += len(graph.node)
        if count > limits.nodes:
            raise ModelForbidden(f"the model has more than {limits.nodes} nodes")
        for node in graph.node:
            _check_node(node, local, limits)
        for tensor in _tensors(graph):
            check_tensor(tensor, limits, external=external)


def _check_opsets(proto: onnx.ModelProto) -> None:
    for entry in proto.opset_import:
        if entry.domain in ("", "ai.onnx") and not OLDEST <= entry.version <= NEWEST:
            raise ModelForbidden(
                f"the model is of opset {entry.version}; onnxplain runs {OLDEST} to {NEWEST}. "
                "onnx.version_converter.convert_version, or a new export, brings it there"
            )


def _graphs(proto: onnx.ModelProto) -> Iterator[tuple[int, onnx.GraphProto | onnx.FunctionProto]]:
    stack: list[tuple[int, onnx.GraphProto | onnx.FunctionProto]] = [
        (0, proto.graph),
        *((0, f) for f in proto.functions),
    ]
    while stack:
        depth, graph = stack.pop()
        yield depth, graph
        for node in graph.node:
            for a in node.attribute:
                stack.extend((depth + 1, g) for g in ([a.g] if a.HasField("g") else []) + list(a.graphs))


def _check_node(node: onnx.NodeProto, local: set[tuple[str, str]], limits: Limits) -> None:
    operator = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
    if len(node.name) > limits.name_length or len(operator) > limits.name_length:
        raise ModelForbidden(f"a node's name is longer than {limits.name_length} characters")
    if (node.domain, node.op_type) in local:
        return
    if node.domain not in DOMAINS or operator in FORBIDDEN:
        raise ModelForbidden(
            f"node {node.name or '?'!r} is a {operator}, an operator that onnxplain does not run; "
            f"allowed are the domains {', '.join(sorted(d or 'ai.onnx' for d in DOMAINS))}"
        )
    if node.domain in ("", "ai.onnx") and not onnx.defs.has(node.op_type) and node.op_type not in RUNTIMES_OWN:
        raise ModelForbidden(f"node {node.name or '?'!r} is a {operator!r}, which is no operator of ONNX")


def _tensors(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterator[onnx.TensorProto]:
    if isinstance(graph, onnx.GraphProto):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for a in node.attribute:
            yield from a.tensors
            if a.HasField("t"):
                yield a.t


def check_tensor(tensor: onnx.TensorProto, limits: Limits, *, external: bool) -> None:
    """Refuse a tensor that lies about its size or points to a file it may not."""
    if any(d < 0 for d in tensor.dims):
        raise ModelUnparseable(f"tensor {tensor.name!r} has a negative length: {list(tensor.dims)}")
    if (
        tensor.data_type == onnx.TensorProto.UNDEFINED
        or tensor.data_type not in onnx.TensorProto.DataType.values()
    ):
        raise ModelUnparseable(f"tensor {tensor.name!r} has no known data type")
    bits = _BITS.get(tensor.data_type, 8)
    declared = (math.prod(tensor.dims) * bits + 7) // 8
    if declared > limits.tensor_bytes:
        raise ModelForbidden(
            f"tensor {tensor.name!r} of shape {list(tensor.dims)} needs {declared} bytes, the limit is {limits.tensor_bytes}"
        )
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        _check_external(tensor, external)
    elif tensor.HasField("raw_data") and len(tensor.raw_data) != declared:
        raise ModelUnparseable(
            f"tensor {tensor.name!r} of shape {list(tensor.dims)} needs {declared} bytes and holds {len(tensor.raw_data)}"
        )


_BITS = {
    t: {
        "FLOAT": 32,
        "INT32": 32,
        "UINT32": 32,
        "INT64": 64,
        "UINT64": 64,
        "DOUBLE": 64,
        "FLOAT16": 16,
        "BFLOAT16": 16,
        "INT16": 16,
        "UINT16": 16,
        "COMPLEX64": 64,
        "COMPLEX128": 128,
        "INT4": 4,
        "UINT4": 4,
        "FLOAT4E2M1": 4,
        "INT2": 2,
        "UINT2": 2,
    }.get(name, 8)
    for name, t in onnx.TensorProto.DataType.items()
}


def _check_external(tensor: onnx.TensorProto, allowed: bool) -> None:
    known = {"location", "offset", "length", "checksum"}
    entries = {e.key: e.value for e in tensor.external_data}
    location = entries.get("location", "")
    plain = location and all(c.isalnum() or c in "._-" for c in location) and location not in (".", "..")
    if not allowed or not plain or entries.keys() - known:
        raise ModelForbidden(
            f"tensor {tensor.name!r} lies in another file ({location[:80]!r}); "
            "load the model from its path with the data file beside it, or upload that file with it as a part 'external'",
            reason="external-data-forbidden",
        )


def check(proto: onnx.ModelProto) -> None:
    """Refuse a graph that contradicts itself, in the words of ONNX's own checker."""
    try:
        onnx.checker.check_model(set_apart(without_weights(proto)[0]))
    except (onnx.checker.ValidationError, ValueError) as e:
        first = str(e).strip().splitlines()[0] if str(e).strip() else "the model is not valid"
        raise ModelUnparseable(f"ONNX's checker refuses the model: {first[:500]}") from e
