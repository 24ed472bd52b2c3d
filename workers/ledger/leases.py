"""Leases: what only one process may do at a time, without a lock that a crash would leave behind."""

from __future__ import annotations

from sqlalchemy import or_
from sqlalchemy.orm import Session

from workers.tables import Lease

from .database import dialect, insert, now


def take(session: Session, name: str, holder: str, seconds: float) -> bool:
    """Take or renew a lease; False: another holds it."""
    row = insert(dialect(session), Lease).values(name=name, holder=holder, until=now() + seconds)
    free = or_(Lease.holder == holder, Lease.until < now())
    mine = {"holder": holder, "until": now() + seconds}
    taken = row.on_conflict_do_update(index_elements=["name"], set_=mine, where=free)
    # what was changed, not how much: psycopg does not count the rows of an INSERT made this way
    return session.execute(taken.returning(Lease.name)).first() is not None
