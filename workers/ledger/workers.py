"""Workers that say they consume, and the notice that one has gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from workers.records import Memory, WorkerRecord
from workers.tables import Worker

from .database import clock, dialect, insert, now
from .times import moment

ALIVE_BEATS = 6


@dataclass(frozen=True)
class Identity:
    """Who a worker is: its host (boot and process namespace), main process and queue."""

    id: str
    host: str
    pid: int
    queue: str
    slots: int
    versions: dict[str, Any]


def beat(
    session: Session, who: Identity, open_walls: list[str] | None = None, gpus: Memory | None = None
) -> None:
    """Note that a worker consumes, what its runners' cage leaves open, if that was tried, and its GPUs' memory."""
    fields = {
        "host": who.host,
        "pid": who.pid,
        "queue": who.queue,
        "slots": who.slots,
        "versions": who.versions,
        "open_walls": open_walls,
        "gpus": gpus,
    }
    row = insert(dialect(session), Worker).values(id=who.id, **fields, seen=now())
    session.execute(row.on_conflict_do_update(index_elements=["id"], set_={**fields, "seen": now()}))


def drain(session: Session, id: str) -> None:
    """Note that a worker takes nothing more and is about to end."""
    session.execute(update(Worker).where(Worker.id == id).values(draining=now()))


def leave(session: Session, id: str) -> None:
    """Forget a worker."""
    found = session.get(Worker, id)
    if found is not None:
        session.delete(found)


def draining_for(session: Session, id: str) -> float | None:
    """Return for how many seconds a worker has been about to end; None: it is not."""
    since = session.scalars(select(Worker.draining).where(Worker.id == id)).first()
    return None if since is None else clock(session) - since


def alive(session: Session, heartbeat: float) -> list[WorkerRecord]:
    """Return the workers that lately said that they consume."""
    recent = Worker.seen > now() - ALIVE_BEATS * heartbeat
    found = session.scalars(select(Worker).where(recent, Worker.draining.is_(None)).order_by(Worker.id))
    return [
        WorkerRecord(w.id, w.host, w.queue, w.slots, w.versions, w.open_walls, w.gpus or {}, moment(w.seen))
        for w in found
    ]


_SLOTS = select(func.sum(Worker.slots)).where(
    Worker.queue == bindparam("queue"), Worker.seen > now() - bindparam("silence"), Worker.draining.is_(None)
)


def slots(session: Session, queue: str, heartbeat: float) -> int:
    """Return how many chunks of a queue can run at once now."""
    return session.scalars(_SLOTS, {"queue": queue, "silence": ALIVE_BEATS * heartbeat}).one() or 0


def of_host(session: Session, host: str) -> list[Worker]:
    """Return every worker that was last seen on a host."""
    return list(session.scalars(select(Worker).where(Worker.host == host)))
