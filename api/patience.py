"""How many answers may be held open at once, so that streams and waits leave threads for everyone else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

THREADS = 32
"""Of the web process: how many requests it answers at once."""


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
