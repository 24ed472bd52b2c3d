"""Places where someone is served: one of each tenant at a time, not too many of all, and nobody waits for long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import Busy, QuotaExceeded

COME_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, eq=False)
class _Ticket:
    tenant: str


class Places:
    """A number of places; who finds none waits in a short line or is sent away with Busy or, by his own, QuotaExceeded."""

    def __init__(self, places: int, waiting: int, seconds: float) -> None:
        self._places, self._waiting, self._seconds = places, waiting, seconds
        # half a line is left to the others
        self._own = (waiting + 1) // 2
        self._served: set[str] = set()
        self._line: list[_Ticket] = []
        self._moved = threading.Condition()

    @contextmanager
    def place(self, tenant: str) -> Iterator[None]:
        """Hold a place for a while."""
        self._take(tenant)
        try:
            yield
        finally:
            with self._moved:
                self._served.remove(tenant)
                self._moved.notify_all()

    def _take(self, tenant: str) -> None:
        ticket = _Ticket(tenant)
        with self._moved:
            self._line.append(ticket)
            try:
                # where the line is full nobody new waits, and who need not wait is no part of it
                patience = self._seconds if self._has_room(tenant) else 0.0
                if not self._moved.wait_for(lambda: self._next() is ticket, patience):
                    raise self._refusal(tenant)
                self._served.add(tenant)
            finally:
                self._line.remove(ticket)
                self._moved.notify_all()

    def _has_room(self, tenant: str) -> bool:
        own = sum(t.tenant == tenant for t in self._line)
        return len(self._line) <= self._waiting and own <= self._own

    def _next(self) -> _Ticket | None:
        """Return the first in line who may be served now."""
        if len(self._served) >= self._places:
            return None
        return next((t for t in self._line if t.tenant not in self._served), None)

    def _refusal(self, tenant: str) -> Busy | QuotaExceeded:
        again = f"come again in {COME_AGAIN_SECONDS:g} s"
        if tenant not in self._served:
            return Busy(
                f"the service looks at as many files of others as it can at once; {again}",
                retry_after=COME_AGAIN_SECONDS,
            )
        return QuotaExceeded(
            "the service looks at one file of a tenant at a time (an upload, a text, a picture that is drawn), and "
            f"one of yours still takes its time; {again}, or send one after the other",
            retry_after=COME_AGAIN_SECONDS,
        )
