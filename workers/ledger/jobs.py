"""Jobs: accepted once, listed, settled from their chunks."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import ColumnElement, bindparam, func, select, tuple_, update
from sqlalchemy.orm import Session

from workers.errors import NotFound
from workers.records import JobRecord, Page, Progress
from workers.tables import OPEN_CHUNK, OPEN_JOB, Chunk, Job

from . import counters, events, pages
from .database import clock, pairs
from .times import maybe_moment, moment

LEVELS = {"interactive": 0, "batch": 6}
_PRIORITIES = {level: name for name, level in LEVELS.items()}
PROGRESS_SECONDS = 0.9
# built once: to write a statement takes longer than to run it
_STATE = select(Job.state).where(Job.id == bindparam("id"), Job.tenant == bindparam("tenant"))
_LOCKED = (
    select(Job).where(Job.id == bindparam("id")).with_for_update().execution_options(populate_existing=True)
)
_TALLY = select(Chunk.state, func.count()).where(Chunk.job == bindparam("job")).group_by(Chunk.state)
_RUNNING = select(Chunk).where(Chunk.job == bindparam("job"), Chunk.state == "running")


def record(job: Job) -> JobRecord:
    """Return a job without its session."""
    return JobRecord(
        id=job.id, tenant=job.tenant, model=job.model, method=job.method, params=job.params, target=job.target,
        seed=job.seed, priority=cast(Any, _PRIORITIES[job.level]), provider=job.queue, state=cast(Any, job.state),
        progress=Progress(job.done, job.total, job.unit), items=job.items, attempt=job.attempt, error=job.error,
        dead_letter=job.dead, cached=job.cached, dataset=job.dataset, created=moment(job.created),
        started=maybe_moment(job.started), finished=maybe_moment(job.finished),
        kept=job.state == "cancelled" and job.result is not None and job.removed is None,
        removed=maybe_moment(job.removed),
    )  # fmt: skip


def find(session: Session, tenant: str, id: str) -> Job:
    """Return a tenant's job."""
    job = session.get(Job, id)
    if job is None or job.tenant != tenant:
        raise NotFound(f"there is no job {id[:64]!r}; list yours with GET /v1/jobs", pointer="/inputs/job")
    return job


def ended(session: Session, tenant: str, id: str) -> bool:
    """Say whether a tenant's job has ended, reading no more than that."""
    return session.scalars(_STATE, {"id": id, "tenant": tenant}).first() not in OPEN_JOB


def locked(session: Session, id: str) -> Job:
    """Return a job that nobody else changes until this transaction ends."""
    return session.scalars(_LOCKED, {"id": id}).one()


def page(
    session: Session, tenant: str, where: dict[str, str | None], limit: int, cursor: str | None
) -> Page[JobRecord]:
    """List a tenant's jobs, newest first."""
    wanted: list[ColumnElement[bool]] = [Job.tenant == tenant]
    wanted += [getattr(Job, name) == value for name, value in where.items() if value is not None]
    if cursor is not None:
        wanted.append(tuple_(Job.created, Job.id) < pages.decode(cursor))
    newest = select(Job).where(*wanted).order_by(Job.created.desc(), Job.id.desc()).limit(limit + 1)
    found = list(session.scalars(newest))
    more = len(found) > limit
    found = found[:limit]
    return Page([record(j) for j in found], pages.encode(found[-1].created, found[-1].id) if more else None)


def twin(session: Session, tenant: str, content: str) -> Job | None:
    """Return an earlier job of the tenant whose result is that of this content."""
    same = (Job.tenant == tenant, Job.content == content, Job.state == "succeeded", Job.removed.is_(None))
    # whoever removes its result waits until the new job is noted as needing it
    return session.scalars(select(Job).where(*same).limit(1).with_for_update(read=True)).first()


def advance(session: Session, job: Job) -> None:
    """Bring a job's progress up to date from its running chunks, and write an event at most every second."""
    running = list(session.scalars(_RUNNING, {"job": job.id}))
    if len(running) == 1 and running[0].stop - running[0].start == job.items and running[0].unit:
        job.done, job.total, job.unit = running[0].done, running[0].total, running[0].unit
    else:
        part = sum((c.stop - c.start) * c.done / c.total for c in running if c.total)
        job.done, job.total, job.unit = min(job.items, int(job.done_items + part)), job.items, "items"
    time = clock(session)
    if time - job.progressed > PROGRESS_SECONDS:
        job.progressed = time
        events.progress(session, job)


def begin(session: Session, job: Job, attempts: int) -> None:
    """Note that a chunk of the job runs."""
    job.attempt = max(job.attempt, attempts)
    if job.state == "queued":
        job.state, job.started = "running", clock(session)
        counters.add(session, "queue_seconds", f"{job.method}/{job.queue}", job.started - job.created)
        events.state(session, job)


def settle(session: Session, job: Job) -> bool:
    """End a job whose chunks have all ended; False: some have not."""
    if job.state not in OPEN_JOB or job.cut < job.items:
        return False
    tally = pairs(session, _TALLY, {"job": job.id})
    if any(tally.get(state) for state in OPEN_CHUNK):
        return False
    good, bad = tally.get("succeeded", 0), tally.get("failed", 0)
    end(session, job, "succeeded" if not bad else "partially_succeeded" if good else "failed")
    return True


def end(session: Session, job: Job, state: str) -> None:
    """Give a job its last state."""
    job.state, job.finished = state, clock(session)
    if state == "succeeded":
        # a crash that was made good is no error of the job
        job.error = None
        job.done = job.total
    elif state == "partially_succeeded":
        job.done, job.total, job.unit = job.items, job.items, "items"
    counters.add(session, "jobs", state)
    events.progress(session, job)
    events.state(session, job)


def fail(session: Session, job: Job, error: dict[str, Any]) -> None:
    """End a job because of what would befall every item alike; chunks that still run find out by their fence."""
    stop(session, job)
    job.error = error
    end(session, job, "failed")


def cancel(session: Session, job: Job) -> None:
    """End a job because its tenant asked to."""
    stop(session, job)
    job.cut = job.items
    end(session, job, "cancelled")


def stop(session: Session, job: Job) -> None:
    """Take every open chunk of a job from whoever runs it."""
    session.execute(
        update(Chunk).where(Chunk.job == job.id, Chunk.state.in_(OPEN_CHUNK))
        .values(state="cancelled", fence=Chunk.fence + 1, lease=None)
    )  # fmt: skip
