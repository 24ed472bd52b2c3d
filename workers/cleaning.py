"""Removing blobs that nobody needs: at once where their last user has gone, and hourly on every machine that has copies."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from itertools import islice

from explainers.errors import ExplainError

from .blobs import Blobs
from .ledger import uses
from .ledger.database import Database

log = logging.getLogger(__name__)
FIRST_SECONDS = 60.0
CLEAN_SECONDS = 3600.0
STALE_SECONDS = 24 * 3600.0
BATCH = 500


def remove(database: Database, blobs: Blobs, digests: Iterable[str]) -> int:
    """Remove those of these blobs that nobody needs and return how many; what was stored a moment ago is left for later."""
    count, left = 0, iter(digests)
    while some := list(islice(left, BATCH)):
        with database.read() as session:
            wanted = uses.used_of(session, some)
        count += sum(blobs.delete(digest) for digest in some if digest not in wanted)
    return count


def clean(database: Database, blobs: Blobs) -> None:
    """Remove what lies in this machine's folder and nobody needs, and what was never finished."""
    remove(database, blobs, blobs.older(CLEAN_SECONDS))
    blobs.sweep(STALE_SECONDS)


class Cleaner(threading.Thread):
    """Cleans from time to time; of many files that takes long, and holds up nothing else."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        super().__init__(name="cleaner", daemon=True)
        self._database, self._blobs = database, blobs
        self._ending = threading.Event()

    def run(self) -> None:
        """Clean until told to end, whatever happens."""
        pause = FIRST_SECONDS
        while not self._ending.wait(pause):
            pause = CLEAN_SECONDS
            try:
                clean(self._database, self._blobs)
            except (ExplainError, OSError) as e:
                log.warning("the stored files were not cleaned, and will be: %s", e)

    def end(self) -> None:
        """End soon."""
        self._ending.set()
