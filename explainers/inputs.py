"""Files as inputs of a model: npy, npz, csv, txt, png, jpg."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from .errors import InvalidRequest
from .pixels import fit, item_shape, read_picture
from .types import Array, Arrays, InputCard, TensorSpec

IMAGES = (".png", ".jpg", ".jpeg")
ARRAYS = (".npy", ".npz")
TABLES = (".csv", ".txt")


def suffix_of(filename: str) -> str:
    """Return the lower-case ending of a file name, or refuse one that nothing here reads."""
    suffix = Path(filename).suffix.lower()
    if suffix not in (*IMAGES, *ARRAYS, *TABLES):
        known = ", ".join(s[1:] for s in (*ARRAYS, *IMAGES, *TABLES))
        raise InvalidRequest(f"{filename} is of no kind that can be read; there are: {known}")
    return suffix


def read_file(
    path: Path, spec: TensorSpec, card: InputCard, *, filename: str = "", resize: bool = False
) -> Array:
    """Return a file as the array of one input; `filename` says what it is where the path's own name does not."""
    try:
        with path.open("rb") as file:
            return read_open(file, spec, card, filename or path.name, resize=resize)
    except OSError as e:
        raise InvalidRequest(f"{path} cannot be opened: {e.strerror}; give the path of a file") from e


def read_open(
    file: IO[bytes], spec: TensorSpec, card: InputCard, filename: str, *, resize: bool = False
) -> Array:
    """Return an open file as the array of one input; its name says what it is."""
    try:
        suffix = suffix_of(filename)
        if suffix in IMAGES:
            return fit(read_picture(file, filename)[None], spec, card, resize=resize, name=filename)
        if suffix in TABLES:
            return _from_table(*read_table(file, filename, words=spec.dtype == "str"), spec, card, filename)
        return _only(read_arrays(file, filename), spec.name, filename)
    except InvalidRequest as e:
        pointer = "/inputs/" + spec.name.replace("~", "~0").replace("/", "~1")
        raise InvalidRequest(e.detail, pointer=pointer) from e


def read_arrays(file: IO[bytes], filename: str) -> Arrays:
    """Return the arrays of an npy file (under the name "") or an npz file; nothing in it is executed."""
    try:
        loaded = np.load(file, allow_pickle=False)
        return {"": loaded} if isinstance(loaded, np.ndarray) else {n: loaded[n] for n in loaded.files}
    except (ValueError, OSError, EOFError, KeyError) as e:
        raise InvalidRequest(
            f"{filename} is no {suffix_of(filename)[1:]} file of plain numbers ({_first_line(e)}); "
            "write it by numpy.save or numpy.savez, without objects"
        ) from e


def _only(arrays: Arrays, name: str, filename: str) -> Array:
    if name in arrays:
        return arrays[name]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    raise InvalidRequest(f"{filename} holds {', '.join(arrays) or 'nothing'} and no array called {name!r}")


def read_table(file: IO[bytes], filename: str, *, words: bool = False) -> tuple[list[str], Array]:
    """Return a table's column names (none where its first line is numbers) and rows; of words: one item per line."""
    try:
        text = file.read().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except (UnicodeDecodeError, OSError) as e:
        raise InvalidRequest(f"{filename} cannot be read as text: {_first_line(e)}; save it as UTF-8") from e
    if words:
        return [], np.array(text.splitlines(), dtype=object)
    comma = suffix_of(filename) == ".csv"
    rows = list(csv.reader(io.StringIO(text))) if comma else [line.split() for line in text.splitlines()]
    rows = [row for row in rows if row]
    names = (
        [] if not rows or all(_number(cell) is not None for cell in rows[0]) else [c.strip() for c in rows[0]]
    )
    return names, _numbers(rows[1:] if names else rows, filename, first=2 if names else 1)


def _numbers(rows: list[list[str]], filename: str, first: int) -> Array:
    if not rows:
        raise InvalidRequest(f"{filename} has no rows of numbers")
    for line, row in enumerate(rows, first):
        if len(row) != len(rows[0]):
            raise InvalidRequest(
                f"{filename}: row {line} has {len(row)} cells, the others have {len(rows[0])}"
            )
        for column, cell in enumerate(row, 1):
            if _number(cell) is None:
                raise InvalidRequest(
                    f"{filename}: row {line}, column {column} holds {cell[:40]!r}, which is no number"
                )
    return np.array([[_number(cell) for cell in row] for row in rows], np.float64)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _from_table(names: list[str], rows: Array, spec: TensorSpec, card: InputCard, filename: str) -> Array:
    if rows.dtype == object:
        return rows.reshape(-1, *[1] * (len(spec.shape or [0]) - 1))
    if names and card.feature_names:
        rows = rows[:, _order(names, card.feature_names, filename)]
    return _as_dtype(_shaped(rows, spec, filename), spec, filename)


def _order(names: list[str], wanted: list[str], filename: str) -> list[int]:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise InvalidRequest(
            f"{filename} has no column {missing[0]!r}; its columns are {', '.join(names)[:300]}"
        )
    return [names.index(name) for name in wanted]


def _shaped(rows: Array, spec: TensorSpec, filename: str) -> Array:
    """Return one item per row where the row's length fits, or the whole table as one item."""
    item = item_shape(spec)
    if item is None or (len(item) == 1 and (_symbols(item) or item[0] == rows.shape[1])):
        return rows
    if not _symbols(item) and rows.shape[1] == np.prod([int(d or 1) for d in item]):
        return rows.reshape(len(rows), *[int(d or 1) for d in item])
    if len(item) == 2 and all(
        not isinstance(d, int) or d == n for d, n in zip(item, rows.shape, strict=True)
    ):
        return rows[None]
    shape = " x ".join(str(d or "?") for d in item)
    raise InvalidRequest(
        f"{filename} has {rows.shape[0]} rows of {rows.shape[1]} numbers; an item is {shape}"
    )


def _symbols(item: list[int | str | None]) -> int:
    return sum(not isinstance(d, int) for d in item)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _as_dtype(values: Array, spec: TensorSpec, filename: str) -> Array:
    kind = np.dtype(spec.dtype)
    if kind.kind in "iub" and not np.array_equal(values, np.round(values)):
        raise InvalidRequest(f"{filename} holds fractions, and the model takes {kind}")
    return values.astype(kind)


def names_in(path: Path, wanted: Sequence[str]) -> tuple[Arrays, list[str]]:
    """Return an npz file's arrays by the inputs they are for, and the names of those that are for none."""
    with path.open("rb") as file:
        arrays = read_arrays(file, path.name)
    if len(arrays) == 1 and len(wanted) == 1:
        return {wanted[0]: next(iter(arrays.values()))}, []
    known = {name: a for name, a in arrays.items() if name in wanted}
    if not known:
        raise InvalidRequest(
            f"{path.name} holds {', '.join(arrays) or 'nothing'}; the model takes {', '.join(wanted)}"
        )
    return known, [name for name in arrays if name not in known]
