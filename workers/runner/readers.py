"""Reads uploaded files into arrays, inside a runner: every size is checked before and while it is read."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any

import numpy as np

from explainers import pixels
from explainers.errors import ResourceLimit
from explainers.types import Array, Arrays
from workers import arrays as npy
from workers.errors import InputUnreadable

MEMBERS = 200_000
NPZ_MEMBERS = 1000
PICTURES = (".png", ".jpg", ".jpeg")
CSV_FIELD = 1 << 20


@dataclass
class Table:
    """What a file held: arrays by name ("" where the file has none), and the names of a table's columns."""

    arrays: Arrays
    kind: str = "arrays"
    columns: list[str] = field(default_factory=list)


def read(file: IO[bytes], filename: str, limit: int) -> Table:
    """Read a file by its first bytes and, where these do not tell, by its name."""
    head = file.read(8)
    file.seek(0)
    suffix = PurePosixPath(filename).suffix.lower()
    return _reader(head, suffix)(file, limit)


def _reader(head: bytes, suffix: str) -> Callable[[IO[bytes], int], Table]:
    if head.startswith(b"\x93NUMPY"):
        return lambda f, limit: Table({"": npy.read(f, limit)})
    if head.startswith(b"PAR1"):
        return _parquet
    if head.startswith((b"\x89PNG", b"\xff\xd8")):
        return lambda f, _: Table({"": pixels.read_picture(f)[None]}, kind="images")
    if head.startswith(b"PK"):
        return _archive
    if suffix in {".csv", ".tsv", ".txt"}:
        return _csv
    raise InputUnreadable(
        "the file is none of npy, npz, csv, parquet, png, jpg, zip of pictures; convert it to one of them"
    )


def _archive(file: IO[bytes], limit: int) -> Table:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            _check_archive(members, limit)
            pictures = all(m.filename.lower().endswith(PICTURES) for m in members)
            return _pictures(archive, members, limit) if pictures else _npz(archive, members, limit)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as e:
        raise InputUnreadable("the archive is damaged, or packed in a way that is not read here") from e


def _check_archive(members: list[zipfile.ZipInfo], limit: int) -> None:
    if not members or len(members) > MEMBERS:
        raise InputUnreadable(f"the archive holds {len(members)} files; it must hold from 1 to {MEMBERS}")
    if sum(m.file_size for m in members) > limit:
        raise ResourceLimit(f"the archive's files are larger than {limit} bytes together; send fewer")


def _npz(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], limit: int) -> Table:
    names = [m.filename.removesuffix(".npy") for m in members]
    if (
        len(members) > NPZ_MEMBERS
        or not all(m.filename.endswith(".npy") for m in members)
        or len(set(names)) < len(names)
    ):
        raise InputUnreadable(
            "the archive must hold either .npy files of different names (an .npz) or only pictures"
        )
    out: Arrays = {}
    for name, member in zip(names, members, strict=True):
        with archive.open(member) as file:
            out[name] = npy.read(file, limit)
            if file.tell() != member.file_size:
                raise InputUnreadable("a file in the archive is not as long as the archive says")
        limit -= out[name].nbytes
    return Table(out)


def _pictures(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], limit: int) -> Table:
    found: list[Array] = []
    for member in sorted(members, key=lambda m: m.filename):
        found.append(pixels.read_picture(io.BytesIO(archive.read(member))))
        if found[-1].shape != found[0].shape:
            raise InputUnreadable(
                f"the pictures differ in size: {_size(found[0])} and {_size(found[-1])}; bring them to one size"
            )
        if found[0].nbytes * len(found) > limit:
            raise ResourceLimit(f"the pictures take more than {limit} bytes unpacked; send fewer")
    return Table({"": np.stack(found)}, kind="images")


def _size(a: Array) -> str:
    return f"{a.shape[1]} x {a.shape[0]}"


def _csv(file: IO[bytes], limit: int) -> Table:
    csv.field_size_limit(CSV_FIELD)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        sample = text.read(65536)
        text.seek(0)
        delimiter = max(",;\t", key=sample.split("\n", 1)[0].count)
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        return _table(rows, limit)
    except (csv.Error, UnicodeDecodeError) as e:
        raise InputUnreadable(f"the table cannot be read as CSV in UTF-8: {str(e)[:100]}") from e


def _table(rows: Iterator[list[str]], limit: int) -> Table:
    first = next(rows, None)
    if not first:
        raise InputUnreadable("the table is empty; its first line names the columns or is the first item")
    header = [] if all(map(_is_number, first)) else first
    data = [] if header else [first]
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(first):
            raise InputUnreadable(f"line {number} has {len(row)} fields, the first line has {len(first)}")
        data.append(row)
        if len(data) * len(first) * 8 > limit:
            raise ResourceLimit(f"the table takes more than {limit} bytes; send fewer rows, or parquet")
    return Table({"": _numbers(data)}, "table", header)


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _numbers(rows: list[list[str]]) -> Array:
    try:
        return np.array(rows, dtype=np.float64).astype(np.float32)
    except ValueError:
        if any("\0" in cell for row in rows for cell in row):
            raise InputUnreadable("the table holds zero bytes; save it as text in UTF-8") from None
        return np.array(rows, dtype=str)


def _parquet(file: IO[bytes], limit: int) -> Table:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        source = parquet.ParquetFile(file)
        if sum(source.metadata.row_group(i).total_byte_size for i in range(source.num_row_groups)) > limit:
            raise ResourceLimit(f"the table takes more than {limit} bytes; send fewer rows")
        table = source.read()
    except (pa.ArrowException, OSError, ValueError) as e:
        raise InputUnreadable("the file cannot be read as parquet") from e
    columns = [str(name) for name in table.column_names]
    return Table({"": _stack([_column(table.column(i)) for i in range(table.num_columns)])}, "table", columns)


def _column(column: Any) -> Array:
    values: Array = column.to_numpy(zero_copy_only=False)
    if values.dtype.kind == "O":
        return np.array([str(v) for v in values])
    if values.dtype.kind not in "biuf":
        raise InputUnreadable(f"a column holds {column.type}; store numbers or strings")
    return values


def _stack(columns: list[Array]) -> Array:
    kinds = {c.dtype.kind for c in columns}
    if "U" in kinds:
        return np.stack([c.astype(str) for c in columns], axis=1)
    together: Array = np.stack(columns, axis=1)
    return together.astype(np.float32) if kinds not in ({"i"}, {"u"}) else together
