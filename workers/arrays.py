"""Arrays in files: .npy headers read before anything is trusted, .npz files written and joined in a stream."""

from __future__ import annotations

import io
import json
import math
import tokenize
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.lib import format as npy

from explainers.errors import ResourceLimit
from explainers.types import Array, Arrays

from .errors import InputUnreadable

HEADER_BYTES = 10_000
KINDS = "biufcSU"
BLOCK = 1 << 22
META = "meta"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Header:
    """What the header of an .npy file says."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """The bytes of the data, by a multiplication that cannot overflow."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes], limit: int) -> Header:
    """Read an .npy header; refuse objects, and more bytes than the limit."""
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise InputUnreadable(f"the .npy version {version} is not read here; write it with numpy.save")
        shape, fortran, dtype = read(file, max_header_size=HEADER_BYTES)
    except (
        ValueError,
        EOFError,
        SyntaxError,
        TypeError,
        OverflowError,
        RecursionError,
        tokenize.TokenError,
    ) as e:
        raise InputUnreadable(
            "this is no .npy file, or its header is damaged; write it with numpy.save"
        ) from e
    if any(d < 0 for d in shape):
        raise InputUnreadable(f"an array of shape {shape} cannot be; write it with numpy.save")
    if dtype.kind not in KINDS or dtype.hasobject or dtype.itemsize == 0:
        raise InputUnreadable(
            f"an array of {str(dtype)[:60]} is not read here; save numbers, booleans or strings"
        )
    header = Header(shape, fortran, dtype)
    if header.size > limit:
        raise ResourceLimit(
            f"an array of {header.size} bytes is above the limit of {limit}; send fewer items"
        )
    return header


def read(file: IO[bytes], limit: int) -> Array:
    """Read an .npy file; its data must be as long as its header says."""
    header = read_header(file, limit)
    data = bytearray(header.size)
    got = _read_into(file, memoryview(data))
    if got != header.size or file.read(1):
        raise InputUnreadable(
            f"the header says {header.size} bytes of data, the file does not hold just that many"
        )
    return as_array(header, data)


def as_array(header: Header, data: bytearray | memoryview) -> Array:
    """Return the array that a header and its data mean, without copying."""
    flat = np.frombuffer(data, header.dtype)
    return flat.reshape(header.shape[::-1]).T if header.fortran else flat.reshape(header.shape)


def _read_into(file: IO[bytes], view: memoryview) -> int:
    got = 0
    while got < len(view):
        block = file.read(min(BLOCK, len(view) - got))
        if not block:
            break
        view[got : got + len(block)] = block
        got += len(block)
    return got


def plain(a: Array) -> Array:
    """Return an array that an .npy file holds without objects: strings as fixed-width text, rows in C order."""
    return np.ascontiguousarray(a.astype(str) if a.dtype.kind == "O" else a).reshape(a.shape)


def header_bytes(shape: Sequence[int], dtype: np.dtype[Any]) -> bytes:
    """Return the header of an .npy file in C order."""
    out = io.BytesIO()
    fields = {"shape": tuple(shape), "fortran_order": False, "descr": npy.dtype_to_descr(dtype)}
    npy.write_array_header_1_0(out, fields)
    return out.getvalue()


def write(file: IO[bytes], a: Array) -> None:
    """Write an .npy file in blocks, so that a memory-mapped array is never read whole."""
    a = plain(a) if a.dtype.kind == "O" else a
    file.write(header_bytes(a.shape, a.dtype))
    rows = max(1, BLOCK // max(1, a[:1].nbytes)) if a.ndim else 1
    for start in range(0, len(a) if a.ndim else 1, rows):
        block = np.ascontiguousarray(a[start : start + rows] if a.ndim else a)
        if block.nbytes:
            file.write(memoryview(cast(Any, block.reshape(-1).view("u1"))))


def write_npz(file: IO[bytes], arrays: Mapping[str, Array], meta: str) -> None:
    """Write an .npz file whose bytes depend on nothing but what is in it."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, a in {**arrays, META: np.array(meta)}.items():
            with archive.open(_member(name), "w", force_zip64=True) as member:
                write(member, a)


def join_npz(file: IO[bytes], parts: Sequence[Part], meta: str) -> None:
    """Join .npz files of consecutive items along their first axis; items of a part without a file are filled with NaN."""
    headers = next(p for p in parts if p.path is not None).headers()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, header in headers.items():
            with archive.open(_member(name), "w", force_zip64=True) as member:
                _join(member, name, header, parts)
        with archive.open(_member(META), "w") as member:
            write(member, np.array(meta))


@dataclass(frozen=True)
class Part:
    """The result of one chunk, or the gap of one that failed (`path` is None)."""

    path: Path | None
    items: int

    def headers(self) -> dict[str, Header]:
        """Return the headers of the arrays in the file."""
        assert self.path is not None
        return npz_headers(self.path)


def npz_headers(path: Path) -> dict[str, Header]:
    """Return the headers of the arrays of an .npz file, without reading them."""
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n != f"{META}.npy"]
        return {n.removesuffix(".npy"): _header(archive, n) for n in names}


def _header(archive: zipfile.ZipFile, name: str) -> Header:
    with archive.open(name) as member:
        return read_header(member, 1 << 60)


def read_meta(path: Path) -> dict[str, Any]:
    """Return the account in an .npz file."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{META}.npy") as member:
        found: dict[str, Any] = json.loads(str(read(member, 1 << 31)))
        return found


def read_rows(path: Path, start: int, stop: int, only: Collection[str] | None = None) -> Arrays:
    """Return some rows of every array of an .npz file, or of some arrays only, reading no others."""
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n != f"{META}.npy"]
        names = [n for n in names if only is None or n.removesuffix(".npy") in only]
        return {n.removesuffix(".npy"): _rows(archive, n, start, stop) for n in names}


def _rows(archive: zipfile.ZipFile, name: str, start: int, stop: int) -> Array:
    with archive.open(name) as member:
        header = read_header(member, 1 << 60)
        if not header.shape or header.fortran:
            return as_array(header, bytearray(member.read()))
        row = header.size // max(1, header.shape[0])
        member.seek(start * row, io.SEEK_CUR)
        stop = min(stop, header.shape[0])
        part = Header((stop - start, *header.shape[1:]), False, header.dtype)
        return as_array(part, bytearray(member.read(part.size)))


def _join(out: IO[bytes], name: str, like: Header, parts: Sequence[Part]) -> None:
    out.write(header_bytes((sum(p.items for p in parts), *like.shape[1:]), like.dtype))
    for part in parts:
        if part.path is None:
            _fill(out, Header((part.items, *like.shape[1:]), False, like.dtype))
        else:
            _copy(out, part.path, name, like)


def _fill(out: IO[bytes], gap: Header) -> None:
    value = np.nan if gap.dtype.kind in "fc" else 0
    for block in _blocks(gap.size, gap.dtype.itemsize):
        out.write(np.full(block // gap.dtype.itemsize, value, gap.dtype).tobytes())


def _blocks(size: int, unit: int) -> Iterable[int]:
    step = max(1, BLOCK // unit) * unit
    return (min(step, size - at) for at in range(0, size, step))


def _copy(out: IO[bytes], path: Path, name: str, like: Header) -> None:
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        header = read_header(member, 1 << 60)
        if (header.shape[1:], header.dtype) != (like.shape[1:], like.dtype):
            raise ResourceLimit(
                f"the items' arrays {name!r} differ in shape; explain items of one shape in one job"
            )
        for block in iter(lambda: member.read(BLOCK), b""):
            out.write(block)


def _member(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(f"{name}.npy", _EPOCH)
