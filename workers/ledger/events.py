"""Events of a job, in order."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from workers.records import EventRecord
from workers.tables import Event, Job

from .database import clock, rows_of
from .times import moment

_NEW = insert(rows_of(Event))


def add(session: Session, job: str, kind: str, data: dict[str, Any]) -> None:
    """Write an event."""
    session.execute(_NEW, {"job": job, "kind": kind, "data": data, "at": clock(session)})


def state(session: Session, job: Job) -> None:
    """Write the event of a job's present state."""
    add(session, job.id, "state", {"state": job.state} | ({"error": job.error} if job.error else {}))


def progress(session: Session, job: Job) -> None:
    """Write the event of a job's present progress."""
    add(session, job.id, "progress", {"done": job.done, "total": job.total, "unit": job.unit})


def after(session: Session, job: str, id: int, limit: int = 1000) -> list[EventRecord]:
    """Return the events after one, oldest first."""
    found = session.scalars(
        select(Event).where(Event.job == job, Event.id > id).order_by(Event.id).limit(limit)
    )
    return [EventRecord(e.id, cast(Any, e.kind), e.data, moment(e.at)) for e in found]
