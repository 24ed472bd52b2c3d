"""The data of a search: what experts are fitted to and starts are means of; a parameter's, else the job's own inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import datasets
from ..errors import InvalidRequest
from ..types import Array, Arrays

if TYPE_CHECKING:
    from ..run import Run


def data_of(run: Run, given: Any, name: str) -> Array | None:
    """Return the data's rows of an input, rows first; None where there is no data."""
    value = datasets.given(given, run.datasets, "data")
    if value is None:
        return _first(run, run.inputs[name], name) if name in run.inputs else None
    own = value.get(name) if isinstance(value, Mapping) else value
    spec = next(s for s in run.model.inputs if s.name == name)
    shape = [d for i, d in enumerate(spec.shape or []) if i != spec.batch_axis]
    try:
        rows = np.asarray(own, spec.dtype)
    except (ValueError, TypeError):
        rows = np.zeros(0)
    # what a parameter spells out has rows first; a data set has them where the model does
    rows = _first(run, rows, name) if value is not given and rows.ndim > len(shape) else rows
    fits = rows.ndim == len(shape) + 1 and all(
        not isinstance(d, int) or d == n for d, n in zip(shape, rows.shape[1:], strict=True)
    )
    if not fits or not len(rows) or not np.isfinite(rows).all():
        raise InvalidRequest(
            f"the data of {name!r} has shape {list(rows.shape)}; it needs rows of shape {shape}, all finite numbers",
            pointer="/params/data",
        )
    return rows


def classes_of(run: Run, rows: Array, name: str, held: Arrays) -> Array:
    """Return which class or unit of the explained tensor each row drives most."""
    feeds = {name: in_place(rows, run.axes[name])} | repeated(run.model.axes, held, len(rows))
    return np.asarray(run.evaluate(feeds).reshape(len(rows), -1).argmax(1))


def repeated(axes: Mapping[str, int | None], held: Arrays, rows: int) -> Arrays:
    """Return one item of each input as often as there are rows."""
    return {n: a if (axis := axes[n]) is None else np.repeat(a, rows, axis) for n, a in held.items()}


def in_place(rows: Array, axis: int | None) -> Array:
    """Return rows with their axis where the model has it."""
    return np.ascontiguousarray(np.moveaxis(rows, 0, axis or 0))


def _first(run: Run, a: Array, name: str) -> Array:
    return np.moveaxis(a, run.axes[name] or 0, 0)
