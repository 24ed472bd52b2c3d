"""Neighbourhoods of an item for LIME: copies with segments covered, or rows drawn from the quarters of a background."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import InvalidRequest
from ..layout import card_of
from ..types import Array, Arrays
from .blocks import Asker, asked_about
from .coalitions import Game
from .covers import Copies, as_type
from .effort import Effort, refuse_large
from .fills import background_rows, check_names, covers_of, of_one_kind, rows_of, typed
from .groups import GroupParams, Groups, find_groups, gather, groups_of
from .quartiles import Column, columns, neighbours
from .surrogate import Surrogate, closeness, fit, usual_width

if TYPE_CHECKING:
    from ..methods.lime import LimeParams
    from ..run import Run

MOST_SEGMENTS = 4096
"""A surrogate inverts a matrix of so many rows."""


def as_groups(params: LimeParams) -> GroupParams:
    """Return what LIME calls segments as groups: each value where values are discretised."""
    ways = "features" if params.discretize == "quartiles" else params.segments
    return GroupParams(explain_inputs=params.explain_inputs, groups=ways, segments=params.count)


def planned(params: LimeParams, shapes: Mapping[str, Sequence[int]]) -> int:
    """Return the evaluations of one item, or refuse segments and backgrounds that do not fit its shape."""
    own = asked_about(params, shapes)
    try:
        count = find_groups(as_groups(params), own).count
    except InvalidRequest as e:
        raise InvalidRequest(e.detail, pointer=e.pointer.replace("/params/groups", "/params/segments")) from e
    rows = rows_of(params, own)
    rows = rows if params.discretize == "none" else 1
    _check(params, count)
    effort_of(params, count, rows)
    if params.discretize == "quartiles":
        asked = params.samples - 1
    else:
        # what is drawn twice is asked once
        asked = rows * min(params.samples - 1, 2 ** min(count, 40))
    return min(asked, params.budget or asked)


def _check(params: LimeParams, count: int) -> None:
    if count > MOST_SEGMENTS:
        raise InvalidRequest(
            f"{count} segments are more than a linear model is fitted on ({MOST_SEGMENTS}); take 'grid' or 'slic'",
            pointer="/params/segments",
        )
    refuse_large(min(params.samples, params.budget or params.samples), count, "/params/samples")
    if params.alpha == 0 and params.samples <= count:
        raise InvalidRequest(
            f"without a penalty {params.samples} samples do not determine {count} weights; take more samples than segments, "
            "or an alpha above 0",
            pointer="/params/samples",
        )
    if params.discretize == "quartiles" and params.background is None:
        raise InvalidRequest(
            "quartiles are those of a background; give typical rows of the table",
            pointer="/params/background",
        )


def effort_of(params: LimeParams, count: int, each: int) -> Effort:
    """Return how long an item with so many segments is sampled, or refuse a budget that is too small."""
    return Effort(params, params.samples - 1, each, 1, count + 2)


class Neighbourhood(Protocol):
    """Draws copies of one item: whether each segment is there, and the score."""

    groups: Groups

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Return masks and scores, rows first."""


@dataclass
class Covered:
    """Copies in which each segment is there or not by the toss of a coin."""

    groups: Groups
    game: Game

    @classmethod
    def of(cls, asker: Asker, params: LimeParams, item: int) -> Covered:
        """Return the neighbourhood of one item of a run."""
        groups = groups_of(asker.run, as_groups(params), item)
        return cls(groups, Game(asker, item, Copies(groups, covers_of(asker.run, params, item))))

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Return masks and scores, rows first."""
        masks = rng.random((count, self.groups.count)) < 0.5
        return masks, self.game.values(masks)


@dataclass
class Quartered:
    """Rows drawn feature by feature from the quarters of a background."""

    groups: Groups
    asker: Asker
    item: int
    known: list[Column]

    @classmethod
    def of(cls, asker: Asker, params: LimeParams, item: int, known: list[Column]) -> Quartered:
        """Return the neighbourhood of one item of a run."""
        return cls(groups_of(asker.run, as_groups(params), item), asker, item, known)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Return masks and scores, rows first."""
        run = self.asker.run
        items = {n: run.of_item(run.inputs[n], n, self.item) for n in self.groups.ids}
        x = np.concatenate([a.reshape(-1) for a in items.values()])
        rows, same = neighbours(self.known, x, rng, count)

        def make(begin: int, end: int) -> Arrays:
            return {n: _typed(rows[begin:end][:, self.groups.ids[n]], a.dtype) for n, a in items.items()}

        return same, self.asker.scores(self.item, count, make)


def _typed(rows: Array, dtype: np.dtype[Any]) -> Array:
    """Return drawn values, numbers and strings together, in an input's type."""
    return rows.astype(object) if dtype.kind == "O" else as_type(rows.astype(np.float64), dtype)


def _as_items(rows: Array, name: str, dtype: np.dtype[Any]) -> Array:
    """Return a background's numbers as items hold them: a value that is a quarter's end must not lie beside it."""
    rows = of_one_kind(rows, name, dtype)
    return rows if dtype.kind == "O" else typed(rows, dtype, name, "/params/background").astype(np.float64)


def known_columns(run: Run, params: LimeParams) -> list[Column]:
    """Return what the background says of each value of an item, all inputs after one another."""
    found: list[Column] = []
    shapes = run.shapes
    for name, shape in shapes.items():
        rows = _as_items(background_rows(params, shapes, name), name, run.inputs[name].dtype)
        card, size = card_of(shapes, name), math.prod(shape)
        names = card.feature_names if card.feature_names and len(card.feature_names) == size else [""] * size
        found += columns(rows.reshape(len(rows), -1), [n in (card.categories or {}) for n in names])
    return found


def explain(run: Run, params: LimeParams) -> Arrays:
    """Return each segment's weight in a linear model around each item, with its standard error."""
    asker = Asker.of(run)
    check_names(params, run.explainable())
    known = None
    if params.discretize == "quartiles":
        known = known_columns(run, params)
    groups, values, errors = [], [], []
    for item in range(run.items):
        around: Neighbourhood = (
            Covered.of(asker, params, item) if known is None else Quartered.of(asker, params, item, known)
        )
        found = surrogate_of(run, params, around, item)
        groups.append(around.groups)
        values.append(found.weights)
        errors.append(found.errors)
        _tell(run, found, around)
        asker.finished(item)
    return gather(run, as_groups(params), groups, values, errors)


def surrogate_of(run: Run, params: LimeParams, around: Neighbourhood, item: int) -> Surrogate:
    """Fit a linear model to as many copies as are wanted, paid for, or needed for the tolerance."""
    count, rng = around.groups.count, run.rng()
    each = around.game.rows if isinstance(around, Covered) else 1
    effort = effort_of(params, count, each)
    masks, scores = np.ones((1, count), bool), run.frozen[1][[item]]
    for number in effort.rounds():
        drawn, found = around.draw(rng, number)
        masks, scores = np.concatenate([masks, drawn]), np.concatenate([scores, found])
        if params.tolerance is not None:
            effort.error = float(fitted(params, masks, scores).errors.max(initial=0))
    effort.tell(run)
    return fitted(params, masks, scores)


def fitted(params: LimeParams, masks: Array, scores: Array) -> Surrogate:
    """Return the surrogate that the parameters ask for."""
    distance = params.distance or ("cosine" if params.discretize == "none" else "euclidean")
    width = params.kernel_width or usual_width(distance, masks.shape[1])
    near = closeness(masks, distance, width)
    return fit(masks, scores, near, params.alpha, params.selection, params.features)


def _tell(run: Run, found: Surrogate, around: Neighbourhood) -> None:
    figures = {
        "r2": found.r2,
        "intercept": found.intercept,
        "local_prediction": found.local,
        "standard_error": float(found.errors.max(initial=0)),
        "groups": float(around.groups.count),
    }
    for name, value in figures.items():
        run.per_item.setdefault(name, []).append(value)
