"""Reconciling: what crashed processes left behind goes back to the queue, and a counter says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, literal, select
from sqlalchemy.orm import Session

from workers.errors import Crashed
from workers.settings import Settings
from workers.tables import OPEN_JOB, Chunk, Event, IdempotencyKey, Job, Worker

from . import claims, counters, jobs, uses, workers
from .database import affected, clock, now, pairs

LEASE_DETAIL = "the worker that held the work went away without a word"
CHILD_DETAIL = "the worker process that supervised the work died"
BACKOFF = 6
BATCH = 500


def expired(session: Session, settings: Settings) -> int:
    """Put back every chunk whose lease ran out."""
    return _put_back(session, settings, "expired", LEASE_DETAIL, [Chunk.lease < now()])


def dead_children(session: Session, settings: Settings, worker: str, alive: Callable[[int], bool]) -> int:
    """Put back at once what dead children of a worker held."""
    held = select(Chunk.pid).where(Chunk.state == "running", Chunk.worker == worker).distinct()
    dead = [pid for pid in session.scalars(held) if pid is not None and not alive(pid)]
    if not dead:
        return 0
    return _put_back(
        session, settings, "dead_child", CHILD_DETAIL, [Chunk.worker == worker, Chunk.pid.in_(dead)]
    )


def dead_neighbours(session: Session, settings: Settings, host: str, alive: Callable[[int], bool]) -> int:
    """Put back at once what dead workers of this host held, and forget them."""
    count = 0
    for worker in workers.of_host(session, host):
        if not alive(worker.pid):
            count += _put_back(session, settings, "dead_worker", LEASE_DETAIL, [Chunk.worker == worker.id])
            session.delete(worker)
    return count


def _put_back(
    session: Session, settings: Settings, label: str, detail: str, where: list[ColumnElement[bool]]
) -> int:
    lost = select(Chunk.id, Chunk.job).where(Chunk.state == "running", *where)
    ids = [(row.id, row.job) for row in session.execute(lost.order_by(Chunk.job, Chunk.id).limit(BATCH))]
    for number, of in ids:
        job = jobs.locked(session, of)
        # it may have ended or been claimed until the lock was ours
        still = select(Chunk).where(Chunk.id == number, Chunk.state == "running", *where)
        chunk = session.scalars(still.execution_options(populate_existing=True)).first()
        if chunk is None:
            continue
        if job.state in OPEN_JOB:
            claims.crashed(session, job, chunk, Crashed(detail), settings)
        else:
            chunk.state, chunk.lease = "cancelled", None
        counters.add(session, "reconciled", label)
    session.flush()
    return len(ids)


def unclaimed(session: Session, settings: Settings) -> int:
    """Take out of the window what was published and never claimed, so that it is published again."""
    # each publication waits twice as long: a window behind long chunks must not fill the broker with copies
    capped = case((Chunk.publications > BACKOFF, BACKOFF), else_=Chunk.publications)
    waits = settings.republish_seconds * literal(1).op("<<")(capped - 1)
    stale = select(Chunk).where(Chunk.state == "queued", Chunk.published < now() - waits).limit(BATCH)
    found = list(session.scalars(stale.with_for_update(skip_locked=True)))
    for chunk in found:
        chunk.published = None
        counters.add(session, "reconciled", "republished")
    session.flush()
    return len(found)


def outdated(session: Session, settings: Settings) -> list[str]:
    """Remove results, keys and workers past their time; return the blobs that nobody needs now."""
    hours = settings.idempotency_hours
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created < now() - hours * 3600))
    session.execute(delete(Worker).where(Worker.seen < now() - 86400))
    past = (Job.finished < now() - settings.result_days * 86400, Job.removed.is_(None))
    freed: list[str] = []
    for job in session.scalars(select(Job).where(*past).limit(BATCH)):
        freed += remove_results(session, job)
    return freed


def remove_results(session: Session, job: Job) -> list[str]:
    """Remove a finished job's results and inputs; return the blobs that nobody needs now. Its states are kept."""
    job.removed = clock(session)
    affected(session, delete(Event).where(Event.job == job.id, Event.kind == "progress"))
    return [d for kind in ("result", "input") for d in uses.drop(session, kind, job.id)]


def summary(session: Session) -> dict[str, Any]:
    """Return jobs and chunks by state."""
    by_job = pairs(session, select(Job.state, func.count()).group_by(Job.state))
    by_chunk = pairs(session, select(Chunk.state, func.count()).group_by(Chunk.state))
    return {"jobs": by_job, "chunks": by_chunk}
