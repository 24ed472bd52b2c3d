"""Chunks: cut when the window has room, sized by what an item was measured to take and by what is left of the job."""

from __future__ import annotations

import math
from functools import cache

from sqlalchemy import Executable, bindparam, select
from sqlalchemy.orm import Session

from workers.tables import Chunk, Job, Rate

from .database import dialect, insert, now

CHUNK_BYTES = 256 << 20
CHUNK_ITEMS = 4096
FEW_ITEMS = 32
"""As many that were never measured are not worth a second runner."""
SMALL_SHARE = 0.25
"""Of a whole chunk: one of items that were never measured, and the smallest ones at a job's end."""
SMOOTHING = 0.5


def cut(session: Session, job: Job, seconds: float, slots: int) -> Chunk:
    """Cut the next chunk off a job that has items left; it has its number once the session is flushed."""
    stop = min(job.items, job.cut + size(session, job, seconds, slots))
    chunk = _chunk(job, job.cut, stop)
    job.cut = stop
    session.add(chunk)
    return chunk


def split(session: Session, job: Job, chunk: Chunk) -> None:
    """Replace a chunk by one chunk per item, so that one poisonous item does not fail its neighbours."""
    chunk.state, chunk.lease = "split", None
    session.add_all(_chunk(job, i, i + 1) for i in range(chunk.start, chunk.stop))
    session.flush()


def _chunk(job: Job, start: int, stop: int) -> Chunk:
    return Chunk(job=job.id, tenant=job.tenant, queue=job.queue, level=job.level, start=start, stop=stop)


def size(session: Session, job: Job, seconds: float, slots: int) -> int:
    """Return how many items make a chunk of about so many seconds; fewer towards the end, so that all slots end together."""
    if not job.cuttable:
        return job.items
    measured = rate(session, job.work)
    per_item = job.guess if measured is None else measured
    by_time = seconds / max(per_item, 1e-9)
    smallest = int(SMALL_SHARE * by_time)
    fair = math.ceil((job.items - job.cut) / slots)
    # a guess may be far too low: it must not leave slots with nothing to do
    wanted = (
        min(smallest, max(fair, FEW_ITEMS)) if measured is None else min(int(by_time), max(fair, smallest))
    )
    by_bytes = CHUNK_BYTES // max(1, job.item_bytes)
    return max(1, min(wanted, by_bytes, CHUNK_ITEMS))


_RATE = select(Rate.seconds).where(Rate.work == bindparam("work"))


def rate(session: Session, work: str) -> float | None:
    """Return the measured seconds per item of a kind of work, if it was ever done."""
    return session.scalars(_RATE, {"work": work}).first()


def measure(session: Session, work: str, seconds: float) -> None:
    """Take a measurement into the rate of a kind of work."""
    session.execute(_measured(dialect(session)), {"of": work, "took": seconds})


@cache
def _measured(dialect: str) -> Executable:
    row = insert(dialect, Rate).values(work=bindparam("of"), seconds=bindparam("took"), measured=now())
    smoothed = Rate.seconds * (1 - SMOOTHING) + row.excluded.seconds * SMOOTHING
    return row.on_conflict_do_update(index_elements=["work"], set_={"seconds": smoothed, "measured": now()})
