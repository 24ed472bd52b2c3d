"""The publishing window: at most twice the slots of a queue are with the broker, by priority, then in turns by tenant.

Who draws may hold a job already, and others wait for the draw with a job in hand: rows that are locked are skipped, never
waited for. Whoever holds them draws next, or the reconciler does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from workers.settings import Settings
from workers.tables import OPEN_CHUNK, OPEN_JOB, Chunk, Job, Turn

from . import chunks, workers
from .database import clock, exclusive, insert, pairs
from .jobs import LEVELS

T = TypeVar("T", Chunk, Job)


@dataclass(frozen=True)
class Ticket:
    """A chunk that is to be published."""

    chunk: int
    queue: str
    level: int
    trace: str | None = None
    """The span in which its job was accepted."""


@dataclass(frozen=True)
class _Lane:
    queue: str
    level: int


def draw(session: Session, settings: Settings, queue: str) -> list[Ticket]:
    """Choose the chunks that come into the window of a queue now, and mark them as published."""
    exclusive(session, "draw")
    slots = workers.slots(session, queue, settings.heartbeat_seconds) or settings.slots
    tickets: list[Ticket] = []
    for level in LEVELS.values():
        # each priority has a window of its own: an urgent chunk must not wait for room that a batch has taken
        lane = _Lane(queue, level)
        tickets += _fill(session, settings, lane, 2 * slots)
    return tickets


def _fill(session: Session, settings: Settings, lane: _Lane, size: int) -> list[Ticket]:
    tickets: list[Ticket] = []
    inside, most = _inside(session, lane), settings.quota_running or size
    room = size - sum(inside.values())
    # the common cases ask little: a window that is full, and nobody who waits
    if room <= 0 or not (waiting := _waiting(session, lane)):
        return tickets
    turns = _turns(session, lane)
    waiting = {t for t in waiting if inside.get(t, 0) < most}
    while len(tickets) < room and waiting:
        tenant = min(waiting, key=lambda t: (inside.get(t, 0), turns.get(t, 0.0), t))
        chunk = _next(session, settings, lane, tenant)
        if chunk is None:
            waiting.discard(tenant)
            continue
        turns[tenant] = _publish(session, chunk)
        inside[tenant] = inside.get(tenant, 0) + 1
        if inside[tenant] >= most:
            waiting.discard(tenant)
        tickets.append(Ticket(chunk.id, lane.queue, lane.level, session.get_one(Job, chunk.job).trace))
    return tickets


def _publish(session: Session, chunk: Chunk) -> float:
    time = clock(session)
    chunk.published, chunk.publications = time, chunk.publications + 1
    row = insert(session, Turn).values(queue=chunk.queue, level=chunk.level, tenant=chunk.tenant, at=time)
    session.execute(row.on_conflict_do_update(index_elements=["queue", "level", "tenant"], set_={"at": time}))
    session.flush()
    return time


def _inside(session: Session, lane: _Lane) -> dict[str, int]:
    here = (
        Chunk.queue == lane.queue,
        Chunk.level == lane.level,
        Chunk.state.in_(OPEN_CHUNK),
        Chunk.published.is_not(None),
    )
    return pairs(session, select(Chunk.tenant, func.count()).where(*here).group_by(Chunk.tenant))


def _turns(session: Session, lane: _Lane) -> dict[str, float]:
    here = (Turn.queue == lane.queue, Turn.level == lane.level)
    return pairs(session, select(Turn.tenant, Turn.at).where(*here))


def _waiting(session: Session, lane: _Lane) -> set[str]:
    cuttable = (
        Job.queue == lane.queue,
        Job.level == lane.level,
        Job.state.in_(OPEN_JOB),
        Job.cut < Job.items,
    )
    put_back = (
        Chunk.queue == lane.queue,
        Chunk.level == lane.level,
        Chunk.state == "queued",
        Chunk.published.is_(None),
    )
    tenants = select(Job.tenant).where(*cuttable).union(select(Chunk.tenant).where(*put_back))
    return set(session.scalars(tenants))


def _next(session: Session, settings: Settings, lane: _Lane, tenant: str) -> Chunk | None:
    put_back = select(Chunk).where(
        Chunk.queue == lane.queue, Chunk.level == lane.level, Chunk.tenant == tenant, Chunk.state == "queued",
        Chunk.published.is_(None),
    )  # fmt: skip
    chunk = session.scalars(_unlocked(put_back.order_by(Chunk.id))).first()
    if chunk is not None:
        return chunk
    cuttable = select(Job).where(
        Job.queue == lane.queue,
        Job.level == lane.level,
        Job.tenant == tenant,
        Job.state.in_(OPEN_JOB),
        Job.cut < Job.items,
    )
    job = session.scalars(_unlocked(cuttable.order_by(Job.id))).first()
    return None if job is None else chunks.cut(session, job, settings.chunk_seconds)


def _unlocked(rows: Select[T]) -> Select[T]:
    """Take the first of these that nobody else holds, as it is now."""
    return rows.limit(1).with_for_update(skip_locked=True).execution_options(populate_existing=True)
