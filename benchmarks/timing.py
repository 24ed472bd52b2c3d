"""Times taken in turn, so that ratios of one round share one state of the machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

REST = 0.3
"""Seconds before each call: thread pools that still spin skew what follows them."""


def in_turn(calls: dict[str, Callable[[], object]], rounds: int = 7) -> dict[str, list[float]]:
    """Run all calls once, then in turn, and return each one's seconds per round."""
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            time.sleep(REST)
            begin = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - begin)
    return taken


def ratio(taken: dict[str, list[float]], name: str, against: str) -> float:
    """Return the median over rounds of one call's time over another's."""
    return statistics.median(a / b for a, b in zip(taken[name], taken[against], strict=True))
