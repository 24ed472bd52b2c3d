"""The features of a table: their names, values and attributions, gathered from one input, from groups, or from many columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from explainers.asking.groups import GroupParams, find_groups
from explainers.errors import InvalidRequest
from explainers.layout import Shapes, axes_of
from explainers.types import Array, InputCard

from .scene import PER_ITEM, Scene


@dataclass(frozen=True)
class Feature:
    """One row of a table's picture."""

    name: str
    value: float
    """Its attribution or importance."""
    error: float | None = None
    """One standard error of the value."""
    given: str = ""
    """What the item has there, in words."""

    @property
    def label(self) -> str:
        """The name, and what the item has there."""
        return f"{self.name} = {self.given}" if self.given else self.name


def is_columns(scene: Scene, array: str) -> bool:
    """Say whether every input is one column of a table."""
    names = scene.suffixes(array)
    several = len(names) > 1 and scene.of is None
    return several and all(prod(scene.shape(array, n)) == 1 for n in names)


def features(scene: Scene, array: str = "attribution.") -> list[Feature]:
    """Return the features of one input, or of all where each is one column."""
    if is_columns(scene, array):
        rows = [f for n in scene.suffixes(array) for f in _of_input(scene, array, n, column=True)]
        return _joined(rows, _of_vector(scene, len(rows)))
    return _of_input(scene, array, scene.chosen(array), column=False)


def _of_input(scene: Scene, array: str, name: str, *, column: bool) -> list[Feature]:
    values, errors = _values(scene, array + name), _raw(scene, "error." + name)
    assert values is not None
    # what is known to the last digits has no error to speak of
    if errors is not None and errors.max(initial=0) < 1e-6 * np.abs(values).max(initial=0):
        errors = None
    own, given = scene.own(name), scene.given(name)
    size = values.size
    fits = given is not None and given.size == size
    labels = [name] if column else feature_names(own, size)
    words = [
        said(own, labels[i], given.reshape(-1)[i]) if fits and given is not None else "" for i in range(size)
    ]
    rows = [
        Feature(
            labels[i], float(v), _finite(errors[i]) if errors is not None and errors.size == size else None, w
        )
        for i, (v, w) in enumerate(zip(values, words, strict=True))
    ]
    return _joined(rows, members(scene, array, name, size))


def _finite(error: float) -> float | None:
    """Return an error that can be drawn; that of a single observation is infinite."""
    return float(error) if np.isfinite(error) else None


def _values(scene: Scene, name: str) -> Array | None:
    found = _raw(scene, name)
    return None if found is None else np.nan_to_num(found)


def _raw(scene: Scene, name: str) -> Array | None:
    if name not in scene.explanation.arrays:
        return None
    cut = scene.item is not None and name.startswith(PER_ITEM)
    found = scene.one(name) if cut else scene.whole(name)
    return None if found is None else found.reshape(-1)


def place_names(card: InputCard, shape: Sequence[int], places: Sequence[int]) -> list[str]:
    """Return what values of an item are called: features by name, values of anything else by where they are."""
    if sum(n != 1 for n in shape) <= 1:
        known = feature_names(card, max(places, default=0) + 1)
        return [known[p] for p in places]
    letters = axes_of(card, shape) or " " * len(shape)
    at = ([int(i) for i in np.unravel_index(p, shape)] for p in places)
    return [", ".join(f"{a} {i}".strip() for a, i in zip(letters, where, strict=True)) for where in at]


def feature_names(card: InputCard, size: int) -> list[str]:
    """Return the features' names, numbers where the card has none."""
    known = card.feature_names or []
    return [known[i] if i < len(known) else f"feature {i}" for i in range(size)]


def said(card: InputCard, name: str, value: Any) -> str:
    """Return a feature's value in words: its category, or its number."""
    if np.asarray(value).dtype.kind not in "fiub":
        return str(value)
    categories = (card.categories or {}).get(name)
    if categories and float(value).is_integer() and 0 <= value < len(categories):
        return categories[int(value)]
    return f"{float(value):.4g}"


def members(scene: Scene, array: str, name: str, size: int) -> list[list[int]]:
    """Return which features go together: those that the request's groups, or LIME's segments, give one number."""
    asked = scene.explanation.account.params
    given, most = _asked(scene), asked.get("segments") if "groups" in asked else asked.get("count")
    given = given.get(name, "auto") if isinstance(given, dict) else given
    alone = [[i] for i in range(size)]
    if not isinstance(given, str | list) or asked.get("discretize") == "quartiles":
        return alone
    shapes = Shapes({name: scene.shape(array, name)}, {name: scene.own(name)})
    try:
        ids = find_groups(GroupParams(groups=given, segments=most or size), shapes).ids[name].reshape(-1)
    except InvalidRequest:  # other groups in every item, or numbers of another input
        return alone
    return _together(ids) if ids.size == size else alone


def _asked(scene: Scene) -> Any:
    asked = scene.explanation.account.params
    return asked.get("groups", asked.get("segments"))


def _of_vector(scene: Scene, size: int) -> list[list[int]]:
    """Return which inputs of one value each go together, where one number is given for each."""
    given = _asked(scene)
    fits = isinstance(given, list) and len(given) == size
    return _together(np.asarray(given)) if fits else [[i] for i in range(size)]


def _together(ids: Array) -> list[list[int]]:
    return [np.flatnonzero(ids == n).tolist() for n in np.unique(ids)]


def _joined(rows: list[Feature], groups: list[list[int]]) -> list[Feature]:
    """Return one row per group: its members carry one value between them."""
    return [_group([rows[i] for i in group]) for group in groups]


def _group(rows: list[Feature]) -> Feature:
    if len(rows) == 1:
        return rows[0]
    names = " + ".join(r.name for r in rows[:3]) + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")
    return Feature(names, rows[0].value, rows[0].error)
