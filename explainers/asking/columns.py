"""Columns: single features of a data set's inputs, chosen by place or name, and the score along a grid of their values."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import finite
from ..errors import InvalidRequest
from ..types import Array, Arrays
from .blocks import Asker
from .covers import as_type, beyond
from .effort import BudgetParams, Mean, deadline, paid_for, warn_of_few, warn_of_rest

if TYPE_CHECKING:
    from ..run import Run

ENOUGH = 30
"""Items from which on the standard errors of their mean are true."""
MOST_COLUMNS = 512
"""Features that are moved where nobody names any."""
Columns = dict[str, list[int]]
"""Per input, places in the flattened item."""


def asked_for(features: Any, names: Sequence[str]) -> dict[str, list[Any] | None]:
    """Return which inputs are moved, each with its features as they were given, None for all."""
    if not isinstance(features, dict):
        if features and len(names) > 1 and all(f in names for f in features):
            return {f: [0] for f in features}
        if features is not None and len(names) > 1:
            raise InvalidRequest(
                f"the features are of one of {', '.join(names)}; name inputs, or give a dict of lists per input",
                pointer="/params/features",
            )
        return dict.fromkeys(names, features)
    for name in features:
        if name not in names:
            raise InvalidRequest(
                f"{name!r} is not explained; features can be given for: {', '.join(names)}",
                pointer=f"/params/features/{name}",
            )
    return dict(features)


def planned(
    features: Any, grid: Any, explained: Sequence[str] | None, shapes: Mapping[str, Sequence[int]]
) -> int:
    """Return the points of all grids together, judged from shapes."""
    wanted = features if isinstance(features, dict) else dict.fromkeys(explained or shapes, features)
    total = 0
    for name, given in wanted.items():
        own = grid.get(name, 20) if isinstance(grid, dict) else grid
        points = own if isinstance(own, int) else len(own)
        total += points * (math.prod(shapes.get(name, ())) if given is None else len(given))
    return total


def chosen_columns(run: Run, features: Any) -> Columns:
    """Return the columns that are moved, or refuse features that the items do not have."""
    return {n: _places(run, n, given) for n, given in asked_for(features, run.explainable()).items()}


def _places(run: Run, name: str, given: list[Any] | None) -> list[int]:
    size = math.prod(run.item_shape(name))
    if given is None:
        if size > MOST_COLUMNS:
            raise InvalidRequest(
                f"an item of {name!r} has {size} features; name those to move, at most {MOST_COLUMNS}",
                pointer="/params/features",
            )
        return list(range(size))
    known = run.model.card.input(name).feature_names or []
    return [_place(f, size, known, f"/params/features/{i}") for i, f in enumerate(given)]


def _place(feature: int | str, size: int, known: list[str], where: str) -> int:
    if isinstance(feature, str):
        if feature not in known:
            there = ", ".join(known) or "none, the model's card names no features"
            raise InvalidRequest(f"no feature is called {feature!r}; there are: {there}", pointer=where)
        return known.index(feature)
    if not 0 <= feature < size:
        raise InvalidRequest(f"{feature} is no feature of an item, which has {size} (from 0)", pointer=where)
    return feature


def grids(run: Run, columns: Columns, grid: Any) -> Arrays:
    """Return the points of each column, a row each; one with fewer points repeats its last."""
    return {n: _stacked([_points(run, n, place, grid) for place in places]) for n, places in columns.items()}


def _stacked(rows: list[Array]) -> Array:
    most = max((len(r) for r in rows), default=0)
    return np.stack([np.pad(r, (0, most - len(r)), mode="edge") for r in rows])


def _points(run: Run, name: str, place: int, grid: Any) -> Array:
    given = grid.get(name, 20) if isinstance(grid, dict) else grid
    where = "/params/grid" + (f"/{name}" if isinstance(grid, dict) else "")
    x = np.moveaxis(run.inputs[name], run.axes[name] or 0, 0)
    values = x.reshape(run.items, -1)[:, place]
    if isinstance(given, int):
        return _laid(values, given, where, words=_is_category(run, name, place))
    if values.dtype == object:
        return np.asarray(given, str)
    points = np.asarray(given, np.float64)
    if points.ndim != 1 or not len(points) or not np.isfinite(points).all():
        raise InvalidRequest("the grid must be a list of numbers", pointer=where)
    if (others := beyond(points, values.dtype)).size:
        raise InvalidRequest(
            f"{name!r} takes {values.dtype}, which cannot hold {others[0]:.6g}", pointer=where
        )
    return np.asarray(as_type(points, values.dtype))


def _is_category(run: Run, name: str, place: int) -> bool:
    """Say whether a feature is a word, or a number that stands for one: between two of them there is nothing."""
    card = run.model.card.input(name)
    called = (card.feature_names or [name])[place : place + 1]
    return run.inputs[name].dtype == object or any(c in (card.categories or {}) for c in called)


def _laid(values: Array, count: int, where: str, *, words: bool) -> Array:
    """Lay points between the 5th and the 95th percentile, or take the values where there are no more of them, or are words."""
    from scipy.stats.mstats import mquantiles

    if count < 2:
        raise InvalidRequest(f"a grid of {count} points is no curve; take 2 or more", pointer=where)
    own, times = np.unique(values.astype(str) if values.dtype == object else values, return_counts=True)
    if len(own) < count or words:
        # of more words the most frequent ones
        return own[np.sort(np.argsort(-times, kind="stable")[:count])]
    low, high = np.asarray(mquantiles(values, prob=(0.05, 0.95)))
    # a feature that hardly ever moves has its own values
    return as_type(np.linspace(low, high, count), values.dtype) if high > low else own[:count]


def with_column(run: Run, name: str, place: int, values: Any) -> Array:
    """Return an input whose one feature has these values."""
    axis = run.axes[name] or 0
    moved = np.moveaxis(run.inputs[name], axis, 0).copy()
    moved.reshape(run.items, -1)[:, place] = values
    return np.moveaxis(moved, 0, axis)


def curves(run: Run, params: BudgetParams, columns: Columns, points: Arrays) -> Arrays:
    """Return each column's grid, the score of every item along it, their mean, and the mean's standard error.

    Where the budget or the time ends before, whole curves of the first columns; the account says which those are.
    """
    wanted = [(n, i) for n, grid in points.items() for i in range(len(grid))]
    each = max((grid.shape[1] for grid in points.values()), default=1)
    paid, ends = paid_for(params, len(wanted), each, "curve"), deadline(params)
    run.batch = Asker.of(run).lanes.batch
    finite.of_items(run.frozen[1], run.explained)
    ice: dict[str, list[Array]] = {}
    for done, (name, i) in enumerate(wanted[:paid]):
        if done and time.monotonic() > ends:
            break
        ice.setdefault(name, []).append(_curve(run, name, columns[name][i], points[name][i]))
        run.progress((done + 1) * each * run.items, paid * each * run.items, "evaluations")
    arrays: Arrays = {}
    for name, found in ice.items():
        rows = np.stack(found, 1)
        arrays |= {f"grid.{name}": points[name][: len(found)], f"ice.{name}": rows} | _means(name, rows)
    remaining = len(wanted) - sum(map(len, ice.values()))
    run.facts |= {
        "features": {n: columns[n][: len(found)] for n, found in ice.items()},
        "remaining": remaining,
    }
    _warn_of_mixed_classes(run)
    warn_of_few(run, run.items, ENOUGH, "items")
    warn_of_rest(run, params, remaining, "curves", "the curves")
    return arrays


def _curve(run: Run, name: str, place: int, grid: Array) -> Array:
    """Return the score of every item, a row each, along the grid of one feature."""
    everyone = np.arange(run.items)
    rows = np.zeros((run.items, len(grid)), np.float32)
    for k, value in enumerate(grid):
        feeds = {**run.inputs, name: with_column(run, name, place, value)}
        rows[:, k] = finite.of_copies(run.scores(feeds, everyone), run.explained)
    return rows


def _means(name: str, ice: Array) -> Arrays:
    known = Mean()
    known.add(ice.astype(np.float64))
    return {f"curve.{name}": known.mean.astype(np.float32), f"error.{name}": known.error.astype(np.float32)}


def _warn_of_mixed_classes(run: Run) -> None:
    if len(set(run.frozen[2])) > 1:
        run.warnings.append(
            "each item's own class is explained, and the curves average over classes; name one by the target's index"
        )
