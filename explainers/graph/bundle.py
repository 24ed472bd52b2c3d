"""Models whose weights came in other files: taken into the model, from open files and by checked offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx

from ..errors import ModelForbidden, ModelUnparseable
from .limits import Limits
from .load import parse
from .policy import inspect, tensors_in
from .vocabulary import keep

MOST = (1 << 31) - 1


def take_in(
    data: bytes, files: Mapping[str, memoryview], limits: Limits | None = None, tokenizers: Sequence[str] = ()
) -> bytes:
    """Return the model with the data of its files in it, its tokenizers in its metadata; a protobuf holds 2 GiB."""
    limits = limits or Limits()
    proto = parse(data, limits)
    inspect(proto, limits, external=True)
    outside = [t for t in tensors_in(proto) if t.data_location == onnx.TensorProto.EXTERNAL]
    parts = [_part(t, files) for t in outside]
    texts = {n: files[n] for n in tokenizers if n in files}
    if len(data) + sum(map(len, [*parts, *texts.values()])) > min(MOST, limits.bytes):
        raise ModelForbidden(
            f"the model and its data have more than {min(MOST, limits.bytes)} bytes together"
        )
    for tensor, part in zip(outside, parts, strict=True):
        tensor.raw_data = bytes(part)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    for name, text in texts.items():
        keep(proto, name, bytes(text))
    return proto.SerializeToString(deterministic=True)


def _part(tensor: onnx.TensorProto, files: Mapping[str, memoryview]) -> memoryview:
    entries = {e.key: e.value for e in tensor.external_data}
    location = entries["location"]
    if location not in files:
        there = ", ".join(files) or "none"
        raise ModelUnparseable(
            f"tensor {tensor.name[:80]!r} lies in {location[:80]!r}, which was not sent; there are: {there[:300]}"
        )
    file = files[location]
    offset = int(entries.get("offset") or 0)
    length = int(entries.get("length") or len(file) - offset)
    if offset + length > len(file) or length < 0:
        raise ModelUnparseable(
            f"tensor {tensor.name[:80]!r} ends at byte {offset + length} of {location[:80]!r}, which has {len(file)}"
        )
    return file[offset : offset + length]
