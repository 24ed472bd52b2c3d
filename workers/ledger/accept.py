"""Accepting a job: one transaction writes the job, its key and what it needs."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from workers import companions, traces
from workers.settings import Settings
from workers.tables import Chunk, IdempotencyKey, Job

from . import counters, events, jobs, quotas, uses
from .database import clock


def remembered(session: Session, tenant: str, key: str) -> IdempotencyKey | None:
    """Return what is remembered of an idempotency key."""
    return session.get(IdempotencyKey, (tenant, key))


def accept(
    session: Session,
    job: Job,
    key: str | None,
    request: str,
    *,
    cache: bool,
    quotas_of: Settings | None = None,
) -> None:
    """Write a job; one that was done before is given that result at once."""
    time = clock(session)
    if quotas_of is not None:
        quotas.take(session, quotas_of, job)
    job.created, job.trace = time, traces.current()
    session.add(job)
    # what the parameters name is kept as long as the inputs are, whatever becomes of the data set
    for entries in (job.inputs, *(job.data or {}).values()):
        for entry in entries.values():
            uses.add(session, job.tenant, "input", job.id, entry["digest"])
    for digest in companions.digests(job.method, job.params):
        uses.add(session, job.tenant, "input", job.id, digest)
    if key is not None:
        session.add(IdempotencyKey(tenant=job.tenant, key=key, request=request, job=job.id, created=time))
    counters.add(session, "accepted", job.method)
    twin = jobs.twin(session, job.tenant, job.content) if cache else None
    session.flush()
    events.state(session, job)
    if twin is not None:
        _copy(session, twin, job)


def _copy(session: Session, twin: Job, job: Job) -> None:
    counters.add(session, "cache_hits", job.method)
    job.cached, job.cut, job.done_items, job.started = True, job.items, job.items, job.created
    job.result = twin.result
    done = select(Chunk).where(Chunk.job == twin.id, Chunk.state == "succeeded")
    for chunk in list(session.scalars(done)):
        session.add(Chunk(
            job=job.id, tenant=job.tenant, queue=job.queue, level=job.level, start=chunk.start, stop=chunk.stop,
            state="succeeded", result=chunk.result, seconds=0.0,
        ))  # fmt: skip
        uses.add(session, job.tenant, "result", job.id, chunk.result or "")
    if job.result is not None:
        uses.add(session, job.tenant, "result", job.id, job.result["digest"])
    jobs.end(session, job, "succeeded")
