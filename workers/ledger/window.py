"""The publishing window: at most twice the slots of a queue are with the broker, by priority, then in turns by tenant.

Who draws may hold a job already, and others wait for the draw with a job in hand: rows that are locked are skipped, never
waited for. Whoever holds them draws next, or the reconciler does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Executable, Select, bindparam, func, literal, select, union
from sqlalchemy.orm import Session

from workers.settings import Settings
from workers.tables import OPEN_CHUNK, OPEN_JOB, Chunk, Job, Turn

from . import chunks, workers
from .database import clock, dialect, exclusive, insert, pairs
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


_Waiting = dict[str, set[int]]


@dataclass(frozen=True)
class _Lane:
    queue: str
    level: int
    inside: dict[str, int]
    """By tenant: how many chunks are in the window."""
    room: int
    slots: int

    @property
    def where(self) -> dict[str, Any]:
        """What the statements below ask for."""
        return {"queue": self.queue, "level": self.level}


def draw(session: Session, settings: Settings, queue: str) -> list[Ticket]:
    """Choose the chunks that come into the window of a queue now, and mark them as published."""
    exclusive(session, "draw")
    slots = workers.slots(session, queue, settings.heartbeat_seconds) or settings.slots
    inside: dict[int, dict[str, int]] = {level: {} for level in LEVELS.values()}
    # a tenant's quota is one for its urgent chunks and the others together
    held: dict[str, int] = {}
    for level, tenant, count in session.execute(_INSIDE, {"queue": queue}):
        inside[level][tenant] = count
        held[tenant] = held.get(tenant, 0) + count
    tickets: list[Ticket] = []
    for level, here in inside.items():
        # each priority has a window of its own: an urgent chunk must not wait for room that a batch has taken
        lane = _Lane(queue, level, here, 2 * slots - sum(here.values()), slots)
        # the common cases ask little: a window that is full, and nobody who waits
        if lane.room > 0 and (waiting := _waiting(session, lane)):
            tickets += _fill(session, settings, lane, waiting, held)
    return tickets


def _fill(
    session: Session, settings: Settings, lane: _Lane, waiting: _Waiting, held: dict[str, int]
) -> list[Ticket]:
    tickets: list[Ticket] = []
    inside, quota = lane.inside, settings.quota_running or math.inf
    turns = pairs(session, _TURNS, lane.where) if len(waiting) > 1 else {}
    waiting = {t: kinds for t, kinds in waiting.items() if held.get(t, 0) < quota}
    while len(tickets) < lane.room and waiting:
        tenant = min(waiting, key=lambda t: (inside.get(t, 0), turns.get(t, 0.0), t))
        chunk = _next(session, settings, lane, tenant, waiting[tenant])
        if chunk is None:
            del waiting[tenant]
            continue
        turns[tenant] = _publish(session, chunk)
        inside[tenant], held[tenant] = inside.get(tenant, 0) + 1, held.get(tenant, 0) + 1
        if held[tenant] >= quota:
            del waiting[tenant]
        tickets.append(Ticket(chunk.id, lane.queue, lane.level, session.get_one(Job, chunk.job).trace))
    return tickets


def _publish(session: Session, chunk: Chunk) -> float:
    time = clock(session)
    chunk.published, chunk.publications = time, (chunk.publications or 0) + 1
    session.flush()
    row = {"queue": chunk.queue, "level": chunk.level, "tenant": chunk.tenant, "at": time}
    session.execute(_turn(dialect(session)), row)
    return time


def _waiting(session: Session, lane: _Lane) -> _Waiting:
    """Return who waits in a lane, and whether for chunks that were put back, for ones to be cut, or both."""
    found: _Waiting = {}
    for tenant, kind in session.execute(_WAITING, lane.where):
        found.setdefault(tenant, set()).add(kind)
    return found


def _next(session: Session, settings: Settings, lane: _Lane, tenant: str, kinds: set[int]) -> Chunk | None:
    mine = {**lane.where, "tenant": tenant}
    chunk = session.scalars(_FIRST_PUT_BACK, mine).first() if _PUT_BACK in kinds else None
    if chunk is not None or _CUTTABLE not in kinds:
        return chunk
    job = session.scalars(_FIRST_CUTTABLE, mine).first()
    return None if job is None else chunks.cut(session, job, settings.chunk_seconds, lane.slots)


def _unlocked(rows: Select[T]) -> Select[T]:
    """Take the first of these that nobody else holds, as it is now."""
    return rows.limit(1).with_for_update(skip_locked=True).execution_options(populate_existing=True)


@cache
def _turn(dialect: str) -> Executable:
    row = insert(dialect, Turn)
    return row.on_conflict_do_update(
        index_elements=["queue", "level", "tenant"], set_={"at": row.excluded.at}
    )


# built once: to write a statement takes longer than to run it
_PUT_BACK, _CUTTABLE = 0, 1
_INSIDE = (
    select(Chunk.level, Chunk.tenant, func.count())
    .where(Chunk.queue == bindparam("queue"), Chunk.state.in_(OPEN_CHUNK), Chunk.published.is_not(None))
    .group_by(Chunk.level, Chunk.tenant)
)
_TURNS = select(Turn.tenant, Turn.at).where(
    Turn.queue == bindparam("queue"), Turn.level == bindparam("level")
)
_ARE_PUT_BACK = (
    Chunk.queue == bindparam("queue"), Chunk.level == bindparam("level"), Chunk.state == "queued",
    Chunk.published.is_(None),
)  # fmt: skip
_ARE_CUTTABLE = (
    Job.queue == bindparam("queue"), Job.level == bindparam("level"), Job.state.in_(OPEN_JOB), Job.cut < Job.items,
)  # fmt: skip
_WAITING = union(
    select(Job.tenant, literal(_CUTTABLE)).where(*_ARE_CUTTABLE),
    select(Chunk.tenant, literal(_PUT_BACK)).where(*_ARE_PUT_BACK),
)
_FIRST_PUT_BACK = _unlocked(
    select(Chunk).where(*_ARE_PUT_BACK, Chunk.tenant == bindparam("tenant")).order_by(Chunk.id)
)
_FIRST_CUTTABLE = _unlocked(
    select(Job).where(*_ARE_CUTTABLE, Job.tenant == bindparam("tenant")).order_by(Job.id)
)
