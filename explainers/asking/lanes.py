"""Lanes: copies of an item are made and run side by side, each lane with its share of the threads.

A batch on one thread each wastes less than one batch whose operators are cut among all threads, and while one lane makes copies
the others run theirs.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from .sizes import WORTH_TIMING, best_size

if TYPE_CHECKING:
    from ..explainer import Place
    from ..run import Run

T = TypeVar("T")
R = TypeVar("R")
MOST_LANES = 8
"""Lanes beyond which the interpreter's lock would hold them up."""
LANE_WEIGHTS = 1 << 28
"""Weights, in bytes, up to which a second session is built for the lanes: it holds its own copy."""
BLOCK_BYTES = 1 << 24
"""Perturbed copies of all lanes' blocks together, while they run."""
CACHED_BYTES = 1 << 21
"""Copies that are made at a time where they are small."""
USUAL_ROWS = 32


@dataclass(frozen=True)
class Lanes:
    """How copies are made and run: where, how many runs at a time, and rows of a batch and of a block of whole batches."""

    place: Place
    count: int
    batch: int
    block: int

    @property
    def makers(self) -> int:
        """How many threads make copies: where the model runs once at a time, one makes them meanwhile."""
        return max(self.count, 2)

    @classmethod
    def of(cls, run: Run, planned: int) -> Lanes:
        """Return the lanes for so many evaluations of a run's model, with the batch of most evaluations per second."""
        row = sum(run.of_item(run.inputs[n], n, 0).nbytes for n in run.explained_inputs)
        fits = max(1, BLOCK_BYTES // max(row, 1))
        place, count = shared_out(run, planned)
        most = max(1, min(fits, run.batch) // count)
        usual = min(most, USUAL_ROWS)
        if not run.together:
            return cls(place, count, 1, min(max(1, fits // count), USUAL_ROWS))
        batch = best_size(run, place, most, usual, planned) if planned >= WORTH_TIMING else usual
        # small rows are made many at a time, and run in batches of the best size
        return cls(place, count, batch, batch * max(1, CACHED_BYTES // max(batch * row, 1)))


def shared_out(run: Run, planned: int, heaviest: int = LANE_WEIGHTS) -> tuple[Place, int]:
    """Return where each lane runs and how many there are: one, the run's own place, where more would not pay."""
    from ..graph.weights import size

    place = run.place
    cores = len(os.sched_getaffinity(0))
    threads = min(place.threads or cores, cores)
    each = -(-threads // MOST_LANES)
    count = min(threads // each, run.room)
    weights = sum(size(t) for t in run.model.proto.graph.initializer)
    if place.provider != "cpu" or planned < WORTH_TIMING or weights > heaviest or count < 2:
        return place, 1
    each = threads // count
    return replace(place, threads=each, spinning=place.spinning and each > 1), count


def cuts(count: int, lanes: Lanes) -> list[tuple[int, int]]:
    """Cut rows into parts of one block at most, as many for each lane and none much smaller than another."""
    least = min(lanes.count, count // lanes.batch)
    parts = max(-(-count // lanes.block), least, 1)
    if parts > 1:
        parts = min(-(-parts // lanes.count) * lanes.count, count)
    ends = [count * i // parts for i in range(parts + 1)]
    return [(b, e) for b, e in pairwise(ends) if e > b]


def in_order(work: Callable[[T], R], parts: Sequence[T], workers: int) -> Iterator[R]:
    """Yield what comes of each part, in order, worked on by several threads a few parts ahead.

    What the work raises is raised here; when this ends, nothing is under way any more.
    """
    if len(parts) < 2:
        yield from map(work, parts)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(min(workers, len(parts))) as pool:
        try:
            for part in parts:
                waiting.append(pool.submit(work, part))
                if len(waiting) >= 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
