"""Publishes in a thread of its own: a broker that hangs must not hang whoever accepted the work."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable

from sqlalchemy import update

from . import traces
from .errors import LedgerUnavailable
from .ledger import counters
from .ledger.database import Database
from .ledger.window import Ticket, draw
from .queue import create_app, send
from .settings import Settings
from .tables import Chunk

log = logging.getLogger(__name__)


class Publisher:
    """A thread that sends the wake-up calls it is given, in order."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._app = create_app(settings)
        self._tickets: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, tickets: Iterable[Ticket]) -> None:
        """Send these, soon."""
        for ticket in tickets:
            self._tickets.put(ticket)

    def top_up(self, queue_name: str) -> None:
        """Fill the window of a queue and send what came into it."""
        with self._database.write() as session:
            tickets = draw(session, self._settings, queue_name)
        self.publish(tickets)

    def close(self, seconds: float = 2.0) -> None:
        """Send what is left, if the broker takes it in time; the reconciler sends the rest."""
        self._tickets.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (ticket := self._tickets.get()) is not None:
            try:
                with traces.span("publish", "PRODUCER", ticket.trace, chunk=ticket.chunk, queue=ticket.queue):
                    send(self._app, ticket)
            except Exception as e:  # noqa: BLE001  the client library's errors share no base class
                log.warning("chunk %d was not published: %s", ticket.chunk, type(e).__name__)
                self._take_back(ticket)
        self._app.close()

    def _take_back(self, ticket: Ticket) -> None:
        try:
            with self._database.write() as session:
                mine = (Chunk.id == ticket.chunk, Chunk.state == "queued")
                session.execute(update(Chunk).where(*mine).values(published=None))
                counters.add(session, "publish_failures")
        except LedgerUnavailable:
            # the reconciler finds it as published and never claimed; this thread must live on
            log.warning("chunk %d waits for the reconciler", ticket.chunk)
