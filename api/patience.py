"""How many answers may be held open at once, so that streams, waits and looks leave threads for everyone else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

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
    """A number of places; whoever finds none does not queue."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)

    def take(self) -> bool:
        """Take a place if there is one; who took it gives it back."""
        return self._places.acquire(blocking=False)

    def give_back(self) -> None:
        """Give a place back."""
        self._places.release()

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Hold a place for a while; yields whether there was one."""
        taken = self.take()
        try:
            yield taken
        finally:
            if taken:
                self.give_back()
