"""Ask a model about perturbed copies of an item: made lazily in bounded blocks, ahead of the runtime where that pays."""

from __future__ import annotations

import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from ..errors import ResourceLimit
from ..layout import Shapes
from ..registry import Params, find
from ..types import Array, Arrays
from .alone import ALONE

if TYPE_CHECKING:
    from ..model import Model
    from ..run import Run

T = TypeVar("T")
Make = Callable[[int, int], Arrays]
"""Makes rows `begin` to `end` of the changed inputs, rows first."""
Show = Callable[[Array, Array], Arrays]
"""Makes copies, told their numbers and which of the rows each one shows."""
BLOCK_BYTES = 1 << 24
"""Perturbed copies of one block; at most four blocks exist at a time."""
CACHED_BYTES = 1 << 20
"""Copies that are made at a time where they are small."""
AHEAD = 2
"""Blocks that wait while the runtime works."""
IDLE, BUSY = 0.02, 0.3
"""Share of a block's time in the runtime from which another thread makes the next one: beside idle cores, and without them."""
USUAL_ROWS = 32
WORTH_TIMING = 400
"""Planned evaluations of an item from which the best size is looked for."""
TIMINGS, ENOUGH = 5, 0.02
"""Runs that a size is timed by, and seconds after which there are no more."""
CALL = 3e-5
"""Seconds that a batch takes beside the runtime."""
MOST_EVALUATIONS = 100_000_000
_BEST: WeakKeyDictionary[Model, dict[Any, int]] = WeakKeyDictionary()


@dataclass
class Asker:
    """What asks about the items of a run, one after the other; `planned` evaluations are foreseen for each."""

    run: Run
    planned: int
    done: int = 0

    def __post_init__(self) -> None:
        if self.total > MOST_EVALUATIONS:
            raise ResourceLimit(
                f"{self.total} model evaluations are above the limit of {MOST_EVALUATIONS}; "
                "take fewer samples, larger groups or fewer items",
                pointer="/params",
                evaluations=self.total,
            )

    @classmethod
    def of(cls, run: Run) -> Asker:
        """Return what asks as often as the request's method foresees."""
        return cls(run, find(run.request.method).evaluations(run.request.params, run.shapes))

    @property
    def total(self) -> int:
        """The evaluations planned for all items."""
        return self.planned * self.run.items

    def stream(
        self, item: int, count: int, make: Make, until: float = math.inf
    ) -> Iterator[tuple[int, Array]]:
        """Yield the first row and the scores of one block after the other, until a time."""
        score = self._score(item)  # settled before another thread reads the run
        starts = range(0, count, self.block)
        ends = [min(b + self.block, count) for b in starts]
        feeds = (self.run.copies(item, make(b, e)) for b, e in zip(starts, ends, strict=True))
        made = paced(feeds, len(ends), self._worth)
        with ALONE:
            for begin, end, rows in zip(starts, ends, made, strict=True):
                scores = score(self.run.evaluate(rows))
                self._tell(end - begin)
                yield begin, scores
                if time.monotonic() > until:
                    return

    def scores(self, item: int, count: int, make: Make, until: float = math.inf) -> Array:
        """Return the explained scalar of each of `count` rows, of the first ones where the time `until` comes before."""
        found = [s for _, s in self.stream(item, count, make, until)]
        return np.concatenate(found) if found else np.zeros(0)

    def averages(self, item: int, count: int, rows: int, show: Show, until: float = math.inf) -> Array:
        """Return the score of each of `count` copies, averaged over the rows shown in turn in place of what is covered.

        Where the time `until` comes before, those of the first ones alone.
        """

        def make(begin: int, end: int) -> Arrays:
            copy, row = np.divmod(np.arange(begin, end), rows)
            return show(copy, row)

        found = self.scores(item, count * rows, make, until)
        return (
            found if rows == 1 else np.asarray(found[: len(found) // rows * rows].reshape(-1, rows).mean(1))
        )

    def finished(self, item: int) -> None:
        """Say that an item is done, with however few evaluations."""
        self.done = self.planned * (item + 1)
        self.run.progress(self.done, self.total, "evaluations")

    def _score(self, item: int) -> Callable[[Array], Array]:
        """Return what takes the explained scalar of each row from answers about copies of one item."""
        weights = self.run.frozen[0][item].reshape(-1)
        # most targets are one value of many
        counted = np.flatnonzero(weights)

        def score(answers: Array) -> Array:
            return np.asarray(
                answers.reshape(len(answers), -1)[:, counted].astype(np.float64) @ weights[counted]
            )

        return score

    @property
    def _worth(self) -> float:
        """From which share of a block's time in the runtime the next one is made meanwhile."""
        place = self.run.place
        return IDLE if place.provider != "cpu" or 0 < place.threads < (os.cpu_count() or 1) else BUSY

    def _tell(self, rows: int) -> None:
        self.done += rows
        self.run.progress(min(self.done, self.total), self.total, "evaluations")

    @cached_property
    def block(self) -> int:
        """How many copies are made and run at a time."""
        row = sum(self.run.of_item(self.run.inputs[n], n, 0).nbytes for n in self.run.explained_inputs)
        bound = max(1, BLOCK_BYTES // max(row, 1))
        if not self.run.together:
            return min(bound, USUAL_ROWS)
        most = min(bound, self.run.batch)
        size = (
            best_size(self.run, most, self.planned) if self.planned >= WORTH_TIMING else min(most, USUAL_ROWS)
        )
        self.run.batch = size
        # small rows are made many at a time, and run in batches of the best size
        return size * max(1, CACHED_BYTES // max(size * row, 1))


def asked_about(params: Params, shapes: Mapping[str, Sequence[int]]) -> Shapes:
    """Return the shapes of the inputs that the parameters ask for."""
    known = shapes if isinstance(shapes, Shapes) else Shapes(shapes)
    asked = params.explain_inputs
    return known if asked is None else known.only(asked)


def paced(blocks: Iterator[T], count: int, worth: float) -> Iterator[T]:
    """Yield blocks; where making the first took more than this share of what was done with it, the rest are made ahead."""
    if not count:
        return
    begin = time.perf_counter()
    first = next(blocks)
    made = time.perf_counter() - begin
    yield first
    used = time.perf_counter() - begin - made
    yield from ahead(blocks, count - 1) if made > worth * used else blocks


def ahead(blocks: Iterable[T], count: int) -> Iterator[T]:
    """Yield blocks that another thread makes ahead; what it raises is raised here, and it ends when this ends."""
    if count < 2:
        yield from blocks
        return
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(AHEAD)
    stop = threading.Event()
    thread = threading.Thread(target=_produce, args=(blocks, ready, stop), daemon=True)
    thread.start()
    try:
        for _ in range(count):
            block, fault = ready.get()
            if fault is not None:
                raise fault
            assert block is not None
            yield block
    finally:
        stop.set()
        thread.join()


def _produce(blocks: Iterable[Any], ready: queue.Queue[Any], stop: threading.Event) -> None:
    try:
        for block in blocks:
            if not _put(ready, (block, None), stop):
                return
    except BaseException as e:  # noqa: BLE001  it is raised again by whom it concerns
        _put(ready, (None, e), stop)


def _put(ready: queue.Queue[Any], what: Any, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            ready.put(what, timeout=0.05)
        except queue.Full:
            continue
        return True
    return False


def best_size(run: Run, most: int, planned: int) -> int:
    """Return the number of rows with the most evaluations per second, timed once for a model, its shapes and place."""
    sizes = candidates(most, planned)
    shapes = tuple((n, a.shape) for n, a in sorted(run.one.items()))
    name = (shapes, run.place, run.explained, tuple(sizes))
    known = _BEST.setdefault(run.model, {})
    if name not in known:
        known[name] = fastest(sizes, lambda rows: _seconds(run, rows))
    return known[name]


def candidates(most: int, planned: int) -> list[int]:
    """Return the sizes to try, doubling, while trying them all takes a tenth of the planned evaluations or less."""
    sizes = [min(most, 8)]
    while sizes[-1] < most and 2 * (sum(sizes) + 2 * sizes[-1]) <= planned // 10:
        sizes.append(min(2 * sizes[-1], most))
    return sizes if sizes[-1] >= min(most, USUAL_ROWS) else [min(most, USUAL_ROWS)]


def fastest(sizes: Sequence[int], seconds: Callable[[int], float]) -> int:
    """Return the smallest size within a hundredth of the best time per row; give up where larger ones get slower."""
    if len(sizes) == 1:
        return sizes[0]
    taken: dict[int, float] = {}
    for size in sizes:
        taken[size] = seconds(size) / size
        if taken[size] > 1.2 * min(taken.values()):
            break
    return min(s for s, t in taken.items() if t <= 1.01 * min(taken.values()))


def _seconds(run: Run, rows: int) -> float:
    """Time this many copies of the first item: the best of a few runs after a first one, which allocates."""
    name = run.explained
    session = run.model.forward(run.one, run.place, () if name in run.model.outputs else (name,))
    feeds = run.take(np.zeros(rows, np.int64))
    session.run(feeds, [name])
    taken: list[float] = []
    while len(taken) < TIMINGS and sum(taken) < ENOUGH:
        begin = time.perf_counter()
        session.run(feeds, [name])
        taken.append(time.perf_counter() - begin)
    return min(taken) + CALL
