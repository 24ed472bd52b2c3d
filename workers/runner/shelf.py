"""Runners that rest: kept warm for whoever asks next, ended when nobody does for a while."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from .process import Runner

Key = TypeVar("Key")
LOOKS = 4
"""How often idle runners are looked for in the time that they are kept."""


@dataclass(frozen=True)
class _Kept:
    runner: Runner
    since: float


class Shelf(Generic[Key]):
    """Warm runners by key; the one that rested longest makes room where they are too many, and after `seconds` anyway."""

    def __init__(self, seconds: float, most: int, fit: Callable[[Collection[Runner]], bool]) -> None:
        self._seconds, self._most, self._fit = seconds, most, fit
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._sweeper: threading.Thread | None = None

    @contextmanager
    def lent(self, key: Key, start: Callable[[], Runner]) -> Iterator[Runner]:
        """Lend the runner of a key, or start one; afterwards it rests here, if it lives and holds at most `most` bytes."""
        runner = self._taken(key) or start()
        try:
            yield runner
        finally:
            # the runtime gives memory back to nobody: one that holds much after its work starts afresh next time
            if runner.alive and runner.resident() <= self._most:
                self._put(key, runner)
            else:
                runner.close()

    def close(self) -> None:
        """End every runner, and from now on each one that comes back."""
        self._closed.set()
        with self._lock:
            self._end_while(lambda _: True)

    def _taken(self, key: Key) -> Runner | None:
        with self._lock:
            kept = self._kept.pop(key, None)
        if kept is None:
            return None
        if not kept.runner.alive:
            kept.runner.close()
            return None
        return kept.runner

    def _put(self, key: Key, runner: Runner) -> None:
        with self._lock:
            if old := self._kept.pop(key, None):
                old.runner.close()
            self._kept[key] = _Kept(runner, time.monotonic())
            self._end_while(lambda _: self._closed.is_set() or not self._fit(self._runners()))
            if self._sweeper is None:
                # not before: whoever made us may have forked since
                self._sweeper = threading.Thread(target=self._sweep, name="shelf", daemon=True)
                self._sweeper.start()

    def _sweep(self) -> None:
        while not self._closed.wait(self._seconds / LOOKS):
            with self._lock:
                self._end_while(self._rested)

    def _rested(self, kept: _Kept) -> bool:
        return not kept.runner.alive or time.monotonic() - kept.since > self._seconds

    def _runners(self) -> list[Runner]:
        return [kept.runner for kept in self._kept.values()]

    def _end_while(self, ends: Callable[[_Kept], bool]) -> None:
        """End the runner that rested longest, as long as it is to end."""
        while self._kept and ends(next(iter(self._kept.values()))):
            self._kept.popitem(last=False)[1].runner.close()
