"""Tensors as they are stored: their data must be as much as their shape says, and lie where it may."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from onnx import SparseTensorProto, TensorProto

from ..errors import ModelForbidden, ModelUnparseable
from .limits import Limits

# by data type: the bits of one element, and the field that holds elements which are not raw bytes
_FIELDS = {
    "float_data": {"FLOAT": 32, "COMPLEX64": 64},
    "double_data": {"DOUBLE": 64, "COMPLEX128": 128},
    "int64_data": {"INT64": 64},
    "uint64_data": {"UINT32": 32, "UINT64": 64},
    "string_data": {"STRING": 8},
    "int32_data": {
        "INT32": 32, "INT16": 16, "UINT16": 16, "FLOAT16": 16, "BFLOAT16": 16, "INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4,
        "INT2": 2, "UINT2": 2,
    },
}  # fmt: skip
_KINDS = {name: (field, bits) for field, row in _FIELDS.items() for name, bits in row.items()}
LOCATION = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
NUMBER = re.compile(r"[0-9]{1,18}")
KNOWN = {"location", "offset", "length", "checksum"}


def check_tensor(tensor: TensorProto, limits: Limits, *, external: bool) -> None:
    """Refuse a tensor that lies about its size or points to a file it may not."""
    field, bits = _KINDS.get(_kind(tensor.name, tensor.data_type), ("int32_data", 8))
    what, declared = _size(tensor.name, tensor.dims, bits, limits)
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        _check_external(tensor, declared, external)
    elif tensor.HasField("raw_data"):
        if len(tensor.raw_data) != declared:
            raise ModelUnparseable(f"{what} needs {declared} bytes and holds {len(tensor.raw_data)}")
    else:
        _check_elements(tensor, field, bits, what)


def check_sparse(tensors: Iterable[SparseTensorProto], limits: Limits) -> None:
    """Refuse sparse tensors that are too large once they are written out whole."""
    total = 0
    for sparse in tensors:
        values = sparse.values
        if values.data_type == TensorProto.STRING:
            raise ModelForbidden(
                f"tensor {values.name[:80]!r} is sparse and holds strings; write it out whole",
                reason="op-not-allowed",
            )
        _, bits = _KINDS.get(_kind(values.name, values.data_type), ("int32_data", 8))
        total += _size(values.name, sparse.dims, bits, limits)[1]
    if total > limits.bytes:
        raise ModelForbidden(
            f"the model's sparse tensors need {total} bytes written out, the limit is {limits.bytes}",
            reason="limits",
        )


def _kind(name: str, data_type: int) -> str:
    if data_type == TensorProto.UNDEFINED or data_type not in TensorProto.DataType.values():
        raise ModelUnparseable(f"tensor {name[:80]!r} has no known data type")
    return str(TensorProto.DataType.Name(data_type))


def _size(name: str, dims: Sequence[int], bits: int, limits: Limits) -> tuple[str, int]:
    """Return what to call a tensor and the bytes that its shape stands for; refuse one that no limit allows."""
    if any(d < 0 for d in dims):
        raise ModelUnparseable(f"tensor {name[:80]!r} has a negative length: {list(dims)[:20]}")
    if len(dims) > limits.rank:
        raise ModelForbidden(f"tensor {name[:80]!r} has more than {limits.rank} axes", reason="limits")
    declared, what = (math.prod(dims) * bits + 7) // 8, f"tensor {name[:80]!r} of shape {list(dims)[:20]}"
    if declared > limits.tensor_bytes:
        raise ModelForbidden(
            f"{what} needs {declared} bytes, the limit is {limits.tensor_bytes}", reason="limits"
        )
    return what, declared


def _check_elements(tensor: TensorProto, field: str, bits: int, what: str) -> None:
    count = math.prod(tensor.dims)
    complex_ = tensor.data_type in (TensorProto.COMPLEX64, TensorProto.COMPLEX128)
    # two or four of the smallest numbers share a byte
    needed = 2 * count if complex_ else -(-count * min(bits, 8) // 8) if field == "int32_data" else count
    held = len(getattr(tensor, field))
    if held != needed:
        raise ModelUnparseable(f"{what} needs {needed} numbers and holds {held}")


def _check_external(tensor: TensorProto, declared: int, allowed: bool) -> None:
    entries = {e.key: e.value for e in tensor.external_data}
    location = entries.get("location", "")
    plain = (
        LOCATION.fullmatch(location) and len(entries) == len(tensor.external_data) and entries.keys() <= KNOWN
    )
    numbers = [entries[k] for k in ("offset", "length") if k in entries]
    if not allowed or not plain or not all(map(NUMBER.fullmatch, numbers)):
        raise ModelForbidden(
            f"tensor {tensor.name[:80]!r} lies in another file ({location[:80]!r}); "
            "load the model from its path with the data file beside it, or upload that file with it as a part 'external'",
            reason="external-data-forbidden",
        )
    if entries.get("length") and int(entries["length"]) != declared:
        raise ModelForbidden(
            f"tensor {tensor.name[:80]!r} needs {declared} bytes of its file and names {entries['length']}",
            reason="external-data-forbidden",
        )
