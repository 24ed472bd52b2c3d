"""Data sets that parameters name: `{"dataset": id}` stands for rows of the inputs, which whoever calls the engine brings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from .errors import InvalidRequest
from .types import Arrays

Datasets = Mapping[str, Arrays]
"""By id: rows of each input, items where the input has them."""

OF_ITEMS = frozenset({"labels"})
"""Parameters whose data set holds one value for each item, and nothing that an input takes."""


def id_of(value: Any) -> str | None:
    """Return the id that a parameter names, None where it holds something else."""
    if isinstance(value, Mapping) and set(value) == {"dataset"} and isinstance(value["dataset"], str):
        return value["dataset"]
    return None


def named(params: BaseModel) -> dict[str, str]:
    """Return the parameters that name a data set, and its id."""
    found = {name: id_of(getattr(params, name)) for name in type(params).model_fields}
    return {name: key for name, key in found.items() if key is not None}


def given(value: Any, known: Datasets, parameter: str) -> Any:
    """Return the rows that a parameter names, or what else it holds; refuse a data set that was not brought."""
    key = id_of(value)
    if key is None:
        return value
    if key not in known:
        raise InvalidRequest(
            f"no data set {key[:64]!r} is at hand; upload it to the service, or give the rows themselves",
            pointer=f"/params/{parameter}/dataset",
        )
    return known[key]


def values(value: Any, known: Datasets, parameter: str) -> Any:
    """Return the one array of the data set that a parameter names, a value for each item, or what else it holds."""
    found = given(value, known, parameter)
    if found is value:
        return value
    if len(found) != 1:
        raise InvalidRequest(
            f"{parameter} are one array, and the data set has: {', '.join(found) or 'none'}",
            pointer=f"/params/{parameter}/dataset",
        )
    (only,) = found.values()
    return only.reshape(-1) if only.ndim == 2 and only.shape[1] == 1 else only
