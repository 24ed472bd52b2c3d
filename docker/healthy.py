"""Exit 0 where the worker of this container lately said that it consumes; a stalled one would still answer a ping."""

from __future__ import annotations

import sys

from workers.ledger import workers
from workers.ledger.database import Database
from workers.processes import host
from workers.settings import Settings


def healthy(settings: Settings) -> bool:
    """Ask the ledger whether a worker of this host consumes."""
    ledger = Database(settings.ledger_url, forks=True)
    with ledger.read() as session:
        return any(w.host == host() for w in workers.alive(session, settings.heartbeat_seconds))


if __name__ == "__main__":
    sys.exit(not healthy(Settings()))
