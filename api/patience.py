"""How many answers may be held open at once, so that streams, waits and looks leave threads for everyone else."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from workers.keys import LOCAL, Caller
from workers.settings import Settings

HELD = 16
"""Threads that may be held by streams of events and by answers that wait for a job's end."""
SLOW = 16
"""Threads that may wait for slow bodies."""
FREE = 16
"""Threads that are left for everyone else, whatever the others do."""


def threads(settings: Settings) -> int:
    """Return how many requests the web process answers at once: those above, and all that look at uploads or draw."""
    return HELD + SLOW + FREE + 2 * (settings.looks + settings.looks_waiting)


class Patience:
    """A number of places, of which one tenant has half at most; whoever finds none does not queue."""

    def __init__(self, places: int) -> None:
        self._free, self._own = places, (places + 1) // 2
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, caller: Caller) -> bool:
        """Take a place if there is one for this caller's tenant; who took it gives it back."""
        with self._lock:
            # without keys there is nobody else
            if not self._free or (caller is not LOCAL and self._held[caller.tenant] >= self._own):
                return False
            self._free -= 1
            self._held[caller.tenant] += 1
            return True

    def give_back(self, caller: Caller) -> None:
        """Give a place back."""
        with self._lock:
            self._free += 1
            self._held[caller.tenant] -= 1
            if not self._held[caller.tenant]:
                del self._held[caller.tenant]

    @contextmanager
    def place(self, caller: Caller) -> Iterator[bool]:
        """Hold a place for a while; yields whether there was one."""
        taken = self.take(caller)
        try:
            yield taken
        finally:
            if taken:
                self.give_back(caller)
