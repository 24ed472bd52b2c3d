"""Files as inputs of a model: npy, npz, csv, txt, png, jpg."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from .errors import InvalidRequest, pointer_to
from .pixels import fit, read_picture
from .tables import are_columns, fit_columns, fit_table, has_columns, number
from .types import Array, Arrays, Card, InputCard, TensorSpec

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
            return _read_rows(file, spec, card, filename)
        return _only(read_arrays(file, filename), spec.name, filename)
    except InvalidRequest as e:
        pointer = pointer_to("inputs", spec.name)
        raise InvalidRequest(e.detail, pointer=pointer) from e


def _read_rows(file: IO[bytes], spec: TensorSpec, card: InputCard, filename: str) -> Array:
    """Return a table as the array of one input; texts stay texts, and become tokens where the model is at hand."""
    texts = card.tokenizer is not None
    words = spec.dtype == "str" or (texts and suffix_of(filename) == ".txt")
    names, rows = read_table(file, filename, words=words)
    if spec.dtype == "str" or not (texts and rows.dtype == object):
        return fit_table(names, rows, spec, card, filename)
    if rows.ndim > 1 and rows.shape[1] != 1:
        raise InvalidRequest(
            f"{filename} has {rows.shape[1]} columns ({', '.join(names)[:200]}), and {spec.name!r} takes one text for each row; "
            "keep that column alone"
        )
    return rows.reshape(-1)


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
    """Return a table's column names (none where its first line is numbers) and rows, as text unless all are numbers.

    Of words: one item per line.
    """
    if words:
        return [], np.array(_text(file, filename).splitlines(), dtype=object)
    names, rows = _header(file, filename)
    return names, _cells(rows, filename, first=2 if names else 1)


def _text(file: IO[bytes], filename: str) -> str:
    try:
        return file.read().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except (UnicodeDecodeError, OSError) as e:
        raise InvalidRequest(f"{filename} cannot be read as text: {_first_line(e)}; save it as UTF-8") from e


def _header(file: IO[bytes], filename: str) -> tuple[list[str], list[list[str]]]:
    """Return a table's column names and its rows of cells, however long each is."""
    text = _text(file, filename)
    comma = suffix_of(filename) == ".csv"
    rows = list(csv.reader(io.StringIO(text))) if comma else [line.split() for line in text.splitlines()]
    rows = [row for row in rows if row]
    if not rows or all(number(cell) is not None for cell in rows[0]):
        return [], rows
    return [c.strip() for c in rows[0]], rows[1:]


def _cells(rows: list[list[str]], filename: str, first: int) -> Array:
    if not rows:
        raise InvalidRequest(f"{filename} has no rows of numbers")
    for line, row in enumerate(rows, first):
        if len(row) != len(rows[0]):
            raise InvalidRequest(
                f"{filename}: row {line} has {len(row)} cells, the others have {len(rows[0])}"
            )
    try:
        return np.array(rows, np.float64)
    except ValueError:
        return np.array(rows, object)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def columns_in(path: Path, specs: Sequence[TensorSpec], card: Card) -> Arrays | None:
    """Return a table as a model's inputs, one column for each; None where it is no such table."""
    texts = any(card.input(s.name).tokenizer is not None for s in specs)
    if texts or path.suffix.lower() not in TABLES or not are_columns(specs):
        return None
    with path.open("rb") as file:
        names, rows = _header(file, path.name)
    # what is no such table may be anything else, and its rows of any length
    if not has_columns(names, specs):
        return None
    return fit_columns(names, _cells(rows, path.name, first=2), specs, card, path.name)


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
