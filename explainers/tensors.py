"""Tensors as JSON, in the form of the Open Inference Protocol (v2): name, shape, datatype, data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import InvalidRequest
from .types import Array, Arrays

DATATYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "str",
}
_NAMES = {v: k for k, v in DATATYPES.items()}


def encode(arrays: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Return arrays as Open Inference Protocol tensors; NaN and infinities become null."""
    return [_encode_one(name, a) for name, a in arrays.items()]


def _encode_one(name: str, a: Array) -> dict[str, Any]:
    kind = "str" if a.dtype.kind in "UO" else a.dtype.name
    flat = a.ravel().tolist()
    if a.dtype.kind == "f" and not np.isfinite(a).all():
        flat = [v if np.isfinite(v) else None for v in flat]
    return {"name": name, "shape": list(a.shape), "datatype": _NAMES[kind], "data": flat}


def decode(tensors: list[dict[str, Any]]) -> Arrays:
    """Return Open Inference Protocol tensors as arrays; each fault is named with its JSON pointer."""
    out: Arrays = {}
    for i, tensor in enumerate(tensors):
        at = f"/inputs/{i}"
        name = tensor.get("name")
        if not isinstance(name, str) or name in out:
            raise InvalidRequest("every input needs a name of its own", pointer=f"{at}/name")
        out[name] = _decode_one(tensor, at)
    return out


def _decode_one(tensor: dict[str, Any], at: str) -> Array:
    dtype = DATATYPES.get(str(tensor.get("datatype")))
    if dtype is None:
        raise InvalidRequest(f"datatype must be one of {', '.join(DATATYPES)}", pointer=f"{at}/datatype")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not all(type(d) is int and d >= 0 for d in shape):
        raise InvalidRequest("shape must be a list of whole numbers, none negative", pointer=f"{at}/shape")
    data = _flatten(tensor.get("data"), f"{at}/data")
    count = 1
    for d in shape:
        count *= d
    if len(data) != count:
        raise InvalidRequest(
            f"shape {shape} holds {count} values, data has {len(data)}", pointer=f"{at}/data"
        )
    return _array(data, dtype, f"{at}/data").reshape(shape)


def _flatten(data: Any, at: str) -> list[Any]:
    if not isinstance(data, list):
        raise InvalidRequest("data must be a list, flat or nested by rows", pointer=at)
    while data and isinstance(data[0], list):
        if not all(isinstance(row, list) for row in data):
            raise InvalidRequest("data mixes lists and values at one depth", pointer=at)
        data = [v for row in data for v in row]
    return list(data)


def _array(data: list[Any], dtype: str, at: str) -> Array:
    allowed = {"str": (str,), "bool": (bool,)}.get(dtype, (int,) if "int" in dtype else (int, float))
    # a million values have few types
    kinds = set(map(type, data))
    if not all(issubclass(k, allowed) and (dtype == "bool" or not issubclass(k, bool)) for k in kinds):
        raise InvalidRequest(f"data holds values that are not {dtype}", pointer=at)
    if dtype == "str":
        return np.array(data, dtype=object)
    try:
        return np.array(data, dtype=dtype)
    except (OverflowError, ValueError) as e:
        raise InvalidRequest(f"a value does not fit {dtype}: {e}", pointer=at) from e
