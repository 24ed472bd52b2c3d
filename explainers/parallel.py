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

    All but those of `most` and the last one are multiples of `least`. For one lane they are all alike.
    """
    if lanes < 2:
        return cuts(count, most, lanes)
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
            for at in range(len(parts)):
                # a caller that waits would cost each part a change of threads
                while not line.done(at) and line.next_one():
                    pass
                yield line.take(at)
                if line.make_room():
                    pool.submit(line.serve)
        finally:
            line.close()


class _Line(Generic[T, R]):
    """Parts in line for several threads, and what is found of each; at most `ahead` are begun and not yet taken."""

    def __init__(self, work: Callable[[T], R], parts: Sequence[T], ahead: int) -> None:
        self._work, self._parts, self._ahead = work, parts, ahead
        self._found: dict[int, Future[R]] = {}
        """What is begun, or waited for, and not yet taken."""
        self._begun = self._taken = self._home = 0
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Work on parts until there is none, or no room for what is found; never wait for room: nobody might make it."""
        while self.next_one():
            pass
        with self._lock:
            self._home += 1

    def next_one(self) -> bool:
        """Work on the next part, if there is one and room for what is found, and say so."""
        with self._lock:
            at = self._begun
            if at >= min(len(self._parts), self._taken + self._ahead):
                return False
            self._begun += 1
            found = self._found.setdefault(at, Future())
        try:
            found.set_result(self._work(self._parts[at]))
        except BaseException as e:
            found.set_exception(e)
            if not isinstance(e, Exception):
                raise
        finally:
            # what is raised holds this frame, and would hold itself
            del found
        return True

    def done(self, at: int) -> bool:
        """Say whether a part has been worked on."""
        with self._lock:
            return self._found.setdefault(at, Future()).done()

    def take(self, at: int) -> R:
        """Wait for what is found of a part, and return or raise it; it is not kept."""
        result = self._found[at].result()
        with self._lock:
            del self._found[at]
        return result

    def make_room(self) -> bool:
        """Make room for one more part, and say whether a thread that went home may come again."""
        with self._lock:
            self._taken += 1
            wanted = bool(self._home) and self._begun < len(self._parts)
            self._home -= wanted
            return wanted

    def close(self) -> None:
        """Begin no further part."""
        with self._lock:
            self._begun = len(self._parts)
            self._found.clear()
