"""Bytes to a checked model: parsed, bounded, and refused with a reason where it is no model we run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from ..errors import ModelForbidden, ModelUnparseable
from .limits import Limits
from .passes.apart import set_apart
from .policy import inspect, tensors_in
from .vocabulary import put_in
from .weights import digest, without_weights


def read(
    source: str | Path | bytes | onnx.ModelProto, limits: Limits | None = None, tokenizers: Sequence[str] = ()
) -> tuple[onnx.ModelProto, str]:
    """Return the model, with what lies beside its file taken in, and its SHA-256; refuse what is no runnable ONNX model."""
    limits = limits or Limits()
    data = source.SerializeToString() if isinstance(source, onnx.ModelProto) else source
    folder = None
    if isinstance(data, str | Path):
        folder, data = Path(data).resolve().parent, _bytes_of(Path(data), limits)
    proto = parse(data, limits)
    inspect(proto, limits, external=folder is not None)
    taken_in = folder is not None and _take_in(proto, folder, tokenizers)
    check(proto)
    # the digest of a model in parts is that of the one file which a service would make of them
    return proto, digest(proto) if taken_in else hashlib.sha256(data).hexdigest()


def _take_in(proto: onnx.ModelProto, folder: Path, tokenizers: Sequence[str]) -> bool:
    """Put weights and tokenizers that lie in a folder into the model; say whether there were any."""
    outside = [t for t in tensors_in(proto) if t.data_location == onnx.TensorProto.EXTERNAL]
    onnx.load_external_data_for_model(proto, str(folder))
    for tensor in outside:
        tensor.ClearField("data_location")
    return put_in(proto, {n: folder / n for n in tokenizers}) or bool(outside)


def _bytes_of(path: Path, limits: Limits) -> bytes:
    if not path.is_file():
        raise ModelUnparseable(f"{path} is no file; give the path of an .onnx model")
    if path.stat().st_size > limits.bytes:
        raise ModelForbidden(f"{path} has {path.stat().st_size} bytes, the limit is {limits.bytes}")
    return path.read_bytes()


def parse(data: bytes, limits: Limits) -> onnx.ModelProto:
    """Return the protobuf in the bytes."""
    if len(data) > limits.bytes:
        raise ModelForbidden(f"the model has {len(data)} bytes, the limit is {limits.bytes}", reason="limits")
    if data[4:8] == b"ORTM":
        raise ModelForbidden(
            "this is a model in ONNX Runtime's own format (.ort); upload the .onnx it was made from",
            reason="format-not-allowed",
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


def check(proto: onnx.ModelProto) -> None:
    """Refuse a graph that contradicts itself, in the words of ONNX's own checker."""
    try:
        onnx.checker.check_model(set_apart(without_weights(proto)[0]))
    except (onnx.checker.ValidationError, ValueError) as e:
        first = str(e).strip().splitlines()[0] if str(e).strip() else "the model is not valid"
        raise ModelUnparseable(f"ONNX's checker refuses the model: {first[:500]}") from e
