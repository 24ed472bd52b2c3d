"""Work cut into parts that several threads do side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cuts(count: int, most: int, lanes: int) -> list[tuple[int, int]]:
    """Cut rows into parts of at most `most`, as many for each lane and none much smaller than another."""
    parts = max(-(-count // most), min(lanes, count), 1)
    parts = min(-(-parts // lanes) * lanes, count)
    return list(pairwise(count * i // max(parts, 1) for i in range(parts + 1)))


def tapered(count: int, most: int, lanes: int, least: int) -> list[tuple[int, int]]:
    """Cut rows into parts of at most `most` that become fewer rows towards the end, so that all lanes end together.

    All but those of `most` and the last one are multiples of `least`.
    """
    parts, begin = [], 0
    while begin < count:
        share = -(-(count - begin) // (2 * lanes))
        end = min(begin + min(most, -(-share // least) * least), count)
        parts.append((begin, end))
        begin = end
    return parts


def in_order(work: Callable[[T], R], parts: Sequence[T], workers: int) -> Iterator[R]:
    """Yield what comes of each part, in order, worked on by several threads, the caller's among them, a few parts ahead.

    What the work raises is raised here; when this ends, nothing is under way any more.
    """
    if len(parts) < 2 or workers < 2:
        yield from map(work, parts)
        return
    line = _Line(work, parts, 2 * workers)
    others = min(workers, len(parts)) - 1
    with ThreadPoolExecutor(others) as pool:
        try:
            for _ in range(others):
                pool.submit(line.serve)
            for found in line.found:
                # a caller that waits would cost each part a change of threads
                while not found.done() and line.next_one(wait=False):
                    pass
                yield found.result()
                line.room.release()
        finally:
            line.close(others)


class _Line(Generic[T, R]):
    """Parts in line for several threads, and what is found of each; at most `ahead` are begun and not yet taken."""

    def __init__(self, work: Callable[[T], R], parts: Sequence[T], ahead: int) -> None:
        self.found: list[Future[R]] = [Future() for _ in parts]
        self.room = threading.Semaphore(ahead)
        self._work, self._parts = work, parts
        self._begun = 0
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Work on parts until there are no more."""
        while self.next_one(wait=True):
            pass

    def next_one(self, *, wait: bool) -> bool:
        """Work on the next part and say that there was one; without waiting, only where there is room for it."""
        if not self.room.acquire(blocking=wait):
            return False
        with self._lock:
            at, self._begun = self._begun, self._begun + 1
        if at >= len(self._parts):
            self.room.release()
            return False
        try:
            self.found[at].set_result(self._work(self._parts[at]))
        except BaseException as e:  # noqa: BLE001  whoever takes the part raises it
            self.found[at].set_exception(e)
        return True

    def close(self, waiting: int) -> None:
        """Begin no further part, and send home the threads that wait for room."""
        with self._lock:
            self._begun = len(self._parts)
        self.room.release(waiting)
