"""Work cut into parts that several threads do side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cuts(count: int, most: int, lanes: int, least: int = 1) -> list[tuple[int, int]]:
    """Cut rows into parts of at most `most`, as many for each lane and none much smaller than another.

    There are as many parts as lanes where each gets `least` rows.
    """
    parts = max(-(-count // most), min(lanes, count // least), 1)
    if parts > 1:
        parts = min(-(-parts // lanes) * lanes, count)
    ends = [count * i // parts for i in range(parts + 1)]
    return [(b, e) for b, e in pairwise(ends) if e > b]


def in_order(work: Callable[[T], R], parts: Sequence[T], workers: int) -> Iterator[R]:
    """Yield what comes of each part, in order, worked on by several threads a few parts ahead.

    What the work raises is raised here; when this ends, nothing is under way any more.
    """
    if len(parts) < 2 or workers < 2:
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
