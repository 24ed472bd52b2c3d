"""How many copies run in one batch: the size with the most evaluations per second, found by timing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from ..model import Model
    from ..run import Run

WORTH_TIMING = 400
"""Planned evaluations from which the best size is looked for."""
TIMINGS, ENOUGH = 5, 0.02
"""Runs that a size is timed by, and seconds after which there are no more."""
SLOW = 1.2
"""How many times the best time per row means that larger sizes get slower."""
CALL = 3e-5
"""Seconds that a batch takes beside the runtime."""
_BEST: WeakKeyDictionary[Model, dict[Any, int]] = WeakKeyDictionary()


def best_size(run: Run, most: int, usual: int, planned: int) -> int:
    """Return the number of rows with the most evaluations per second, timed once for a model, its shapes and place."""
    sizes = candidates(most, usual, planned)
    shapes = tuple((n, a.shape) for n, a in sorted(run.one.items()))
    name = (shapes, run.place, run.explained, tuple(sizes))
    known = _BEST.setdefault(run.model, {})
    if name not in known:
        known[name] = fastest(sizes, lambda rows: _seconds(run, rows))
    return known[name]


def candidates(most: int, usual: int, planned: int) -> list[int]:
    """Return the sizes to try, doubling, while trying them all takes a tenth of the planned evaluations or less."""
    sizes = [min(most, 8)]
    while sizes[-1] < most and 2 * (sum(sizes) + 2 * sizes[-1]) <= planned // 10:
        sizes.append(min(2 * sizes[-1], most))
    return sizes if sizes[-1] >= usual else [usual]


def fastest(sizes: Sequence[int], seconds: Callable[[int], float]) -> int:
    """Return the smallest size within a hundredth of the best time per row; give up where larger ones get slower."""
    if len(sizes) == 1:
        return sizes[0]
    taken: dict[int, float] = {}
    for size in sizes:
        taken[size] = seconds(size) / size
        if taken[size] > SLOW * min(taken.values()):
            # the machine may have done something else: a size that was left too early would be kept for the model's life
            taken[size] = min(taken[size], seconds(size) / size)
        if taken[size] > SLOW * min(taken.values()):
            break
    return min(s for s, t in taken.items() if t <= 1.01 * min(taken.values()))


def _seconds(run: Run, rows: int) -> float:
    """Time this many copies of the first item, in all lanes at once as they will run: the best of a few runs."""
    name, lanes = run.explained, run.place.lanes
    session = run.session
    feeds = run.take(np.zeros(rows, np.int64))

    def best(_: int) -> float:
        # the first run allocates
        session.output(name, feeds)
        taken: list[float] = []
        while len(taken) < TIMINGS and sum(taken) < ENOUGH:
            begin = time.perf_counter()
            session.output(name, feeds)
            taken.append(time.perf_counter() - begin)
        return min(taken)

    with ThreadPoolExecutor(lanes) as pool:
        return max(pool.map(best, range(lanes))) + CALL
