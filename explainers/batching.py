"""Whether items may share a batch: shown by running two items apart and together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from .errors import ExplainError
from .itemwise import Axes, take
from .types import Array, Arrays, Feeds

Batching = Literal["free", "freed", "one-by-one"]
"""`free`: as exported; `freed`: with the fixed batch axis freed; `one-by-one`: not at all."""
Runner = Callable[[Feeds], Arrays]


def decide(
    feeds: Feeds, axes: Axes, apart: Runner, together: Mapping[Batching, Callable[[], Runner]]
) -> Batching:
    """Return the first way of batching whose answers to two items are those that each item gets alone."""
    if not together or all(a is None for a in axes.values()):
        return "one-by-one"
    one = take(feeds, axes, np.array([0]))
    first = apart(one)
    two, second = _another(one, axes, apart)
    both = {n: a if (axis := axes[n]) is None else np.concatenate([a, two[n]], axis) for n, a in one.items()}
    for way, build in together.items():
        try:
            answers = build()(both)
        except ExplainError:
            continue
        if all(_same(answers[n], first[n], second[n]) for n in answers):
            return way
    return "one-by-one"


def alone(run: Runner, axes: Axes, batch: int | None) -> Runner:
    """Return what runs one item as the deployed model does: among as many copies of it as its fixed batch wants."""

    def among_copies(feeds: Feeds) -> Arrays:
        answers = run(take(feeds, axes, np.zeros(batch or 1, np.int64)))
        return {n: np.atleast_1d(a)[:1] for n, a in answers.items()}

    return run if batch in (None, 1) else among_copies


def _another(one: Arrays, axes: Axes, apart: Runner) -> tuple[Arrays, Arrays]:
    """Return another single item, and the answers to it."""
    two = _changed(one, axes, _other)
    try:
        return two, apart(two)
    except ExplainError:
        # the model may take few values only
        two = _changed(one, axes, _rolled)
        return two, apart(two)


def _changed(one: Arrays, axes: Axes, change: Callable[[Array], Array]) -> Arrays:
    """Return another single item."""
    return {n: a if axes[n] is None else change(a) for n, a in one.items()}


def _rolled(a: Array) -> Array:
    """Return the same values in other places."""
    return np.roll(a.reshape(-1), 1).reshape(a.shape)


def _other(a: Array) -> Array:
    """Return the same values in other places; where all are equal, real ones that differ."""
    found = _rolled(a)
    if a.dtype.kind != "f" or not np.array_equal(found, a):
        # whole numbers may be positions or lengths, which not every number can be
        return found
    return (a + np.linspace(0.5, 1, a.size).reshape(a.shape)).astype(a.dtype)


def _same(both: Array, one: Array, two: Array) -> bool:
    if not (both.ndim and one.ndim == two.ndim == both.ndim and both.shape[0] == one.shape[0] + two.shape[0]):
        return False
    apart = np.concatenate([one, two])
    if both.dtype.kind != "f":
        return both.dtype.kind not in "iub" or bool(np.array_equal(both, apart))
    scale = float(np.abs(apart).max(initial=0))
    tolerance = 5e-3 if both.dtype == np.float16 else 1e-4
    return bool(np.allclose(both, apart, rtol=tolerance, atol=tolerance * max(scale, 1e-6), equal_nan=True))
