"""Tables as inputs: columns in the card's order, categories as their numbers, one input for all columns or one for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .errors import InvalidRequest
from .layout import item_shape
from .types import Array, Arrays, Card, InputCard, TensorSpec


def fit_table(names: Sequence[str], rows: Array, spec: TensorSpec, card: InputCard, filename: str) -> Array:
    """Return a table, numbers or text (rows, columns), as one input; named columns go where the card has them."""
    if spec.dtype == "str":
        return rows.astype(object).reshape(-1, *[1] * (len(spec.shape or [0]) - 1))
    wanted = card.feature_names
    if names and wanted and not _is_flat(names, wanted, spec):
        rows, names = rows[:, _order(names, wanted, filename)], wanted
    return _as_dtype(_shaped(_numbers(rows, names, card, filename), spec, filename), spec, filename)


def _is_flat(names: Sequence[str], wanted: Sequence[str], spec: TensorSpec) -> bool:
    """Say whether a row holds a whole item, such as a series, whose channels the card names: its columns have other names."""
    item = item_shape(spec) or []
    whole = len(item) > 1 and not _symbols(item) and len(names) == np.prod([int(d or 1) for d in item])
    return whole and len(names) != len(wanted) and not set(names) & set(wanted)


def fit_columns(
    names: Sequence[str], rows: Array, specs: Sequence[TensorSpec], card: Card, filename: str
) -> Arrays:
    """Return a table as the inputs that its columns are called after, one column for each."""
    out = {}
    for spec, at in zip(specs, _order(names, [s.name for s in specs], filename), strict=True):
        column = rows[:, at : at + 1]
        known = card.input(spec.name).model_copy(update={"feature_names": None})
        out[spec.name] = fit_table([spec.name], column, spec, known, filename)
    return out


def has_columns(names: Sequence[str], specs: Sequence[TensorSpec]) -> bool:
    """Say whether a table's columns are a model's inputs, each of one value."""
    return are_columns(specs) and all(s.name in names for s in specs)


def are_columns(specs: Sequence[TensorSpec]) -> bool:
    """Say whether a model's inputs can be the columns of a table: there are several, each of one value."""
    return len(specs) > 1 and all(_is_single(s) for s in specs)


def _is_single(spec: TensorSpec) -> bool:
    return all(d == 1 for d in item_shape(spec) or [None])


def _order(names: Sequence[str], wanted: Sequence[str], filename: str) -> list[int]:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise InvalidRequest(
            f"{filename} has no column {missing[0]!r}; its columns are {', '.join(names)[:300]}"
        )
    return [list(names).index(name) for name in wanted]


def _numbers(rows: Array, names: Sequence[str], card: InputCard, filename: str) -> Array:
    """Return the cells as numbers; a category's name is its place in the card's list."""
    if rows.dtype.kind in "fiub":
        return rows
    columns = [
        _column(rows[:, i], names[i] if i < len(names) else "", i + 1, card, filename)
        for i in range(rows.shape[1])
    ]
    return np.stack(columns, 1)


def _column(cells: Array, name: str, place: int, card: InputCard, filename: str) -> Array:
    known = {word: float(i) for i, word in enumerate((card.categories or {}).get(name, []))}
    out = np.zeros(len(cells))
    for at, cell in enumerate(cells):
        value = known.get(str(cell).strip(), number(str(cell)))
        if value is None:
            among = f"no number, and none of {', '.join(known)}" if known else "no number"
            raise InvalidRequest(
                f"{filename}: row {at + (2 if name else 1)}, column {place} holds {str(cell)[:40]!r}, which is {among}"
            )
        out[at] = value
    return out


def number(cell: str) -> float | None:
    """Return the number that a cell holds, or nothing."""
    try:
        return float(cell)
    except ValueError:
        return None


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


def _as_dtype(values: Array, spec: TensorSpec, filename: str) -> Array:
    kind = np.dtype(spec.dtype)
    if kind.kind in "iub" and not np.array_equal(values, np.round(values)):
        raise InvalidRequest(f"{filename} holds fractions, and the model takes {kind}")
    out = values.astype(kind)
    return out if not spec.batch_axis else np.moveaxis(out, 0, spec.batch_axis)


def vector(values: object, shapes: Mapping[str, Sequence[int]]) -> list[str]:
    """Return the inputs that make one feature vector with values of one item, or of rows; none where they are no vector."""
    single = len(shapes) > 1 and all(int(np.prod(s)) == 1 for s in shapes.values())
    return list(shapes) if single and not isinstance(values, Mapping) else []
