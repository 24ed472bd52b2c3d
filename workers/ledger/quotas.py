"""Quotas: what one tenant may have waiting, keep and have computed in a day; 0 means as much as it likes."""

from __future__ import annotations

from functools import cache

from sqlalchemy import String, bindparam, cast, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from workers.errors import Conflict, QuotaExceeded
from workers.settings import Settings
from workers.tables import OPEN_JOB, Dataset, Job, Model, Usage

from .database import clock, dialect, exclusive, insert, rows_of

DAY = 86400
WAIT_SECONDS = 30


def take(session: Session, settings: Settings, job: Job) -> None:
    """Count a job against its tenant's quotas; refused with QuotaExceeded where one is spent."""
    time = clock(session)
    # the row of the day is locked by this: two jobs at once cannot both take the last place
    spent = _spend(session, job.tenant, int(time // DAY), job.evaluations)
    if settings.quota_evaluations and spent > settings.quota_evaluations:
        raise QuotaExceeded(
            f"the day's quota of {settings.quota_evaluations} model evaluations does not hold this job's "
            f"{job.evaluations} as well; come again after midnight UTC, or send less",
            retry_after=DAY - time % DAY,
        )
    if settings.quota_jobs and (waiting := open_jobs(session, job.tenant)) >= settings.quota_jobs:
        raise QuotaExceeded(
            f"{waiting} jobs have not ended, and the quota is {settings.quota_jobs}; wait for some, or cancel some",
            retry_after=WAIT_SECONDS,
        )
    if job.dataset is None:
        room(session, settings, job.tenant, job.items * job.item_bytes)


def room(session: Session, settings: Settings, tenant: str, size: int) -> None:
    """Refuse what a tenant cannot keep as well; the same bytes sent again are new to this count."""
    if not settings.quota_bytes:
        return
    # two that come at once cannot both take the last place
    exclusive(session, f"room {tenant}")
    if (kept := stored(session, tenant)) + size > settings.quota_bytes:
        raise QuotaExceeded(
            f"{kept} bytes are kept and the quota of {settings.quota_bytes} does not hold {size} more; delete models, "
            "data sets or finished jobs"
        )


def check_freed(session: Session, settings: Settings, tenant: str, digest: str) -> None:
    """Refuse, where bytes are counted, to forget a data set or model whose bytes jobs would go on keeping uncounted."""
    if not settings.quota_bytes:
        return
    named = (cast(fields, String).contains(digest) for fields in (Job.data, Job.params))
    keep = (Job.tenant == tenant, Job.removed.is_(None), or_(Job.dataset == digest, *named))
    if count := session.scalars(select(func.count()).select_from(Job).where(*keep)).one():
        raise Conflict(f"{count} jobs keep its bytes, which are counted; remove their results first")


_OPEN = (
    select(func.count()).select_from(Job).where(Job.tenant == bindparam("tenant"), Job.state.in_(OPEN_JOB))
)


def open_jobs(session: Session, tenant: str) -> int:
    """Return how many jobs of a tenant have not ended."""
    return session.scalars(_OPEN, {"tenant": tenant}).one()


def stored(session: Session, tenant: str) -> int:
    """Return the bytes of what a tenant has sent and not removed."""
    jobs = (Job.tenant == tenant, Job.removed.is_(None), Job.dataset.is_(None))
    sums = (
        select(func.sum(Model.size)).where(Model.tenant == tenant),
        select(func.sum(Dataset.size)).where(Dataset.tenant == tenant),
        select(func.sum(Job.items * Job.item_bytes)).where(*jobs),
    )
    return sum(int(session.scalars(s).one() or 0) for s in sums)


def _spend(session: Session, tenant: str, day: int, evaluations: int) -> int:
    row = {"tenant": tenant, "day": day, "evaluations": evaluations}
    return session.execute(_spent(dialect(session)), row).scalar_one()


@cache
def _spent(dialect: str) -> ReturningInsert[int]:
    row = insert(dialect, Usage)
    more = {"evaluations": Usage.evaluations + row.excluded.evaluations}
    changed = row.on_conflict_do_update(index_elements=["tenant", "day"], set_=more)
    return changed.returning(rows_of(Usage).c.evaluations)
