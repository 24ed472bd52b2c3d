"""Claims: one worker at a time holds a chunk, by lease and fence; attempts are counted where the claim is made.

Whoever changes a chunk and its job locks the job first: two who did it in different orders would wait for each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from explainers.errors import ExplainError
from workers.errors import Crashed
from workers.settings import Settings
from workers.tables import OPEN_JOB, Chunk, Job

from . import chunks, counters, jobs, uses
from .database import affected, now, rows_of

DEAD_HINT = (
    "it was tried {n} times and the process died each time; the model or this input brings the runtime down"
)


@dataclass(frozen=True)
class Claim:
    """A chunk in hand: what to run, and the fence that proves whose it is."""

    chunk: int
    fence: int
    attempts: int
    start: int
    stop: int
    job: str
    tenant: str
    model: str
    card: dict[str, Any]
    method: str
    params: dict[str, Any]
    target: dict[str, Any]
    seed: int
    inputs: dict[str, Any]
    data: dict[str, Any]
    items: int
    work: str
    trace: str | None

    @property
    def count(self) -> int:
        """The number of items."""
        return self.stop - self.start


def claim(session: Session, id: int, worker: str, pid: int, settings: Settings) -> Claim | None:
    """Take a chunk that is queued, or whose lease ran out; None: another has it, or it has ended."""
    number = session.scalars(_JOB_OF, {"id": id}).first()
    if number is None:
        counters.add(session, "duplicate_deliveries")
        return None
    job = jobs.locked(session, number)
    asked = {
        "wanted": id, "most": settings.max_attempts, "by": worker, "child": pid, "lasting": settings.lease_seconds,
    }  # fmt: skip
    if not affected(session, _TAKE, asked):
        counters.add(session, "duplicate_deliveries")
        return None
    chunk = session.get_one(Chunk, id, populate_existing=True)
    if job.state not in OPEN_JOB:
        chunk.state, chunk.lease = "cancelled", None
        return None
    jobs.begin(session, job, chunk.attempts)
    return _claim(job, chunk)


def _claim(job: Job, chunk: Chunk) -> Claim:
    return Claim(
        chunk.id, chunk.fence, chunk.attempts, chunk.start, chunk.stop, job.id, job.tenant, job.model, job.card,
        job.method, job.params, job.target, job.seed, job.inputs, job.data or {}, job.items, job.work,
        job.trace,
    )  # fmt: skip


def renew(session: Session, claim: Claim, lease_seconds: float) -> bool:
    """Extend a lease; False: the chunk is another's, or its job has ended."""
    return affected(session, _RENEW, {**_fence(claim), "lasting": lease_seconds}) > 0


def report(session: Session, claim: Claim, done: int, total: int, unit: str) -> bool:
    """Write the progress of a chunk and of its job; False: the chunk is no longer ours."""
    job = jobs.locked(session, claim.job)
    if not affected(
        session, _REPORT, {**_fence(claim), "new_done": done, "new_total": total, "new_unit": unit}
    ):
        return False
    jobs.advance(session, job)
    return True


def held(session: Session, claim: Claim) -> bool:
    """Say whether a chunk is still ours."""
    return session.scalars(_HELD, _fence(claim)).first() is not None


def succeed(session: Session, claim: Claim, digest: str, seconds: float) -> bool:
    """Write a chunk's result once, under its fence; False: somebody else has written or taken it."""
    job = jobs.locked(session, claim.job)
    if not affected(session, _SUCCEED, {**_fence(claim), "found": digest, "took": seconds}):
        counters.add(session, "attempts", "lost")
        return False
    uses.add(session, claim.tenant, "result", claim.job, digest)
    counters.add(session, "attempts", "succeeded")
    counters.add(session, "explain_seconds", f"{claim.method}/{job.queue}", seconds)
    chunks.measure(session, claim.work, seconds / claim.count)
    if claim.count == job.items:
        # there is nothing to be joined
        job.result = {"digest": digest}
    _close(session, job, claim.count)
    return True


def keep(session: Session, claim: Claim, digest: str) -> bool:
    """Keep what a job had found when it was cancelled; False: it was not, or the chunk is another's."""
    job = jobs.locked(session, claim.job)
    chunk = session.get(Chunk, claim.chunk, populate_existing=True)
    # cancelling took the chunk away and so raised its fence by one
    ours = chunk is not None and chunk.state == "cancelled" and chunk.fence == claim.fence + 1
    if job.state != "cancelled" or job.removed is not None or not ours or claim.count != job.items:
        return False
    job.result = {"digest": digest}
    uses.add(session, claim.tenant, "result", claim.job, digest)
    return True


def give_back(session: Session, claim: Claim) -> None:
    """Return a chunk unharmed, without spending an attempt."""
    if affected(session, _GIVE_BACK, _fence(claim)):
        counters.add(session, "attempts", "given_back")


def postpone(session: Session, claim: Claim) -> None:
    """Return a chunk that a part of the service failed, without spending an attempt; the reconciler publishes it later."""
    if affected(session, _POSTPONE, _fence(claim)):
        counters.add(session, "attempts", "postponed")


def refuse(session: Session, claim: Claim, error: ExplainError, *, all_items: bool) -> None:
    """Write why a chunk cannot be explained: every item alike fails the job, else its items are tried alone if they can be."""
    chunk, job = _locked(session, claim)
    if chunk is None:
        return
    counters.add(session, "attempts", "refused")
    if all_items:
        chunk.state, chunk.error, chunk.lease = "failed", error.to_json(), None
        jobs.fail(session, job, error.to_json())
    elif claim.count > 1 and job.cuttable:
        chunks.split(session, job, chunk)
    else:
        _fail(session, job, chunk, error)


def crash(
    session: Session, claim: Claim, error: ExplainError, settings: Settings, *, tries: int | None = None
) -> None:
    """Write that the process which ran a chunk died: it is tried again, then split, then dead."""
    chunk, job = _locked(session, claim)
    if chunk is not None:
        crashed(session, job, chunk, error, settings, tries=tries)


def crashed(
    session: Session,
    job: Job,
    chunk: Chunk,
    error: ExplainError,
    settings: Settings,
    *,
    tries: int | None = None,
) -> None:
    """Put a chunk whose runner or worker died back, unless its attempts are spent."""
    counters.add(session, "attempts", error.code)
    several = chunk.stop - chunk.start > 1
    cap = min(tries or settings.max_attempts, settings.split_attempts if several else settings.max_attempts)
    if chunk.attempts < cap:
        chunk.state, chunk.lease, chunk.published, chunk.fence = "queued", None, None, chunk.fence + 1
    elif several and job.cuttable:
        chunks.split(session, job, chunk)
    else:
        job.dead = True
        _fail(session, job, chunk, _spent(error, chunk.attempts))


def _spent(error: ExplainError, attempts: int) -> ExplainError:
    return Crashed(DEAD_HINT.format(n=attempts)) if isinstance(error, Crashed) else error


def _fail(session: Session, job: Job, chunk: Chunk, error: ExplainError) -> None:
    chunk.state, chunk.error, chunk.lease = "failed", error.to_json(), None
    job.error = job.error or error.to_json()
    _close(session, job, chunk.stop - chunk.start)


def _close(session: Session, job: Job, items: int) -> None:
    job.done_items += items
    session.flush()
    if not jobs.settle(session, job):
        jobs.advance(session, job)


def _locked(session: Session, claim: Claim) -> tuple[Chunk | None, Job]:
    job = jobs.locked(session, claim.job)
    chunk = session.get_one(Chunk, claim.chunk, populate_existing=True)
    return (chunk if chunk.fence == claim.fence and chunk.state == "running" else None), job


def _fence(claim: Claim) -> dict[str, Any]:
    return {"held": claim.chunk, "by_fence": claim.fence}


# built once: to write a statement takes longer than to run it
_chunks = rows_of(Chunk)
_chunk = _chunks.c
_JOB_OF = select(Chunk.job).where(Chunk.id == bindparam("id"))
_TAKE = (
    update(_chunks)
    .where(
        _chunk.id == bindparam("wanted"), _chunk.attempts < bindparam("most"),
        or_(_chunk.state == "queued", and_(_chunk.state == "running", _chunk.lease < now())),
    )
    .values(state="running", attempts=_chunk.attempts + 1, fence=_chunk.fence + 1, worker=bindparam("by"),
            pid=bindparam("child"), lease=now() + bindparam("lasting"), done=0, total=0, unit="")
)  # fmt: skip
_MINE = (_chunk.id == bindparam("held"), _chunk.fence == bindparam("by_fence"), _chunk.state == "running")
_HELD = select(_chunk.id).where(*_MINE)
_OURS = update(_chunks).where(*_MINE)
_RENEW = _OURS.values(lease=now() + bindparam("lasting"))
_REPORT = _OURS.values(done=bindparam("new_done"), total=bindparam("new_total"), unit=bindparam("new_unit"))
_SUCCEED = _OURS.values(state="succeeded", result=bindparam("found"), seconds=bindparam("took"), lease=None)
_GIVE_BACK = _OURS.values(state="queued", attempts=_chunk.attempts - 1, published=None, lease=None)
_POSTPONE = _OURS.values(state="queued", attempts=_chunk.attempts - 1, published=now(), lease=None)
