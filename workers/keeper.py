"""Keeps a worker honest from a thread of its main process: heartbeat, deafness, dead children, the reconciler's sweep."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
import time
from contextlib import suppress

from sqlalchemy.orm import Session

from . import cleaning
from .blobs import open_blobs
from .errors import LedgerUnavailable
from .gpus import memory
from .hearing import LOOK_SECONDS, Hearing
from .ledger import counters, leases, reconcile, workers
from .ledger.database import Database, exclusive
from .ledger.workers import Identity
from .processes import alive
from .publisher import Publisher
from .runner.pool import open_walls
from .settings import Settings

log = logging.getLogger(__name__)
DEAF = "calls wait on the broker and this worker, with slots free, has taken none for %g s; it %s"


class Keeper(threading.Thread):
    """The thread; `consumed()` is called by Celery's own loop and proves that it turns, `hearing` is told of each call."""

    def __init__(self, settings: Settings, identity: Identity) -> None:
        super().__init__(name="keeper", daemon=True)
        self._settings, self._identity = settings, identity
        # this process forks whenever a child dies
        self._database = Database(settings.ledger_url, forks=True)
        self._blobs = open_blobs(settings.blobs, settings.blob_url)
        self._publisher = Publisher(settings, self._database)
        self._cleaner = cleaning.Cleaner(self._database, self._blobs)
        self.hearing = Hearing(settings)
        self._draining, self._ending, self._anew = threading.Event(), threading.Event(), threading.Event()
        self._consumed = time.monotonic()
        self._silent = -math.inf
        self._open_walls: list[str] | None = None
        self._due = {"beat": 0.0, "listen": 0.0, "sweep": 0.0}

    def consumed(self) -> None:
        """Note that the consumer's loop turns; raises what makes Celery connect anew where the worker is deaf."""
        self._consumed = time.monotonic()
        if self._anew.is_set():
            self._anew.clear()
            raise ConnectionError("calls wait on the broker and none arrives")

    def start(self) -> None:
        """Begin to tick, and meanwhile try the cage."""
        threading.Thread(target=self._try_cage, name="cage", daemon=True).start()
        # on each machine: of an object store every one has copies
        self._cleaner.start()
        super().start()

    def run(self) -> None:
        """Tick until stopped, whatever happens: without this thread nothing is put back, and nobody sees this worker."""
        while True:
            try:
                self._tick()
            except LedgerUnavailable:
                self._silent = time.monotonic()
            except Exception:
                log.exception("the keeper of this worker failed, and tries again")
            if self._ending.wait(min(self._settings.tick_seconds, 1.0)):
                return

    def drain(self) -> None:
        """Say that this worker is about to end."""
        self._draining.set()
        with suppress(LedgerUnavailable), self._database.write() as session:
            workers.drain(session, self._identity.id)

    def leave(self) -> None:
        """Stop ticking and forget this worker."""
        self._ending.set()
        self._cleaner.end()
        self.join(5)
        with suppress(LedgerUnavailable), self._database.write() as session:
            workers.leave(session, self._identity.id)

    def _tick(self) -> None:
        if self._is_due("beat", self._settings.heartbeat_seconds):
            self._beat()
        if self._is_due("listen", LOOK_SECONDS) and not self._draining.is_set():
            self._listen()
        with self._database.write() as session:
            exclusive(session, "sweep")
            found = reconcile.dead_children(session, self._settings, self._identity.id, alive)
        if self._is_due("sweep", self._settings.reconcile_seconds):
            self._sweep()
            found = 1
        if found:
            self._publisher.top_up(self._identity.queue)

    def _try_cage(self) -> None:
        self._open_walls = open_walls(self._settings)

    def _beat(self) -> None:
        if time.monotonic() - self._consumed < 3 * self._settings.heartbeat_seconds:
            gpus = None if self._settings.provider == "cpu" else memory()
            with self._database.write() as session:
                workers.beat(session, self._identity, self._open_walls, gpus)

    def _listen(self) -> None:
        self.hearing.look()
        if not self.hearing.deaf:
            return
        with self._database.write() as session:
            counters.add(session, "reconciled", "deaf")
        again = self.hearing.remedy() > 1
        remedy = "ends, to be started again" if again else "connects anew"
        log.error(DEAF, self._settings.deaf_seconds, remedy)
        if again:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self._anew.set()

    def _sweep(self) -> None:
        with self._database.write() as session:
            exclusive(session, "sweep")
            reconcile.dead_neighbours(session, self._settings, self._identity.host, alive)
            if not self._may_sweep(session):
                return
            # after an outage whoever still works renews first
            if time.monotonic() - self._silent > 2 * self._settings.renew_seconds:
                reconcile.expired(session, self._settings)
            reconcile.unclaimed(session, self._settings)
            freed = reconcile.outdated(session, self._settings)
        cleaning.remove(self._database, self._blobs, freed)

    def _may_sweep(self, session: Session) -> bool:
        return leases.take(session, "reconciler", self._identity.id, 3 * self._settings.reconcile_seconds)

    def _is_due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due[what]:
            return False
        self._due[what] = now + seconds
        return True
