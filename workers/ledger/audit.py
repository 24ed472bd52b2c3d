"""The audit log: who did what, each entry sealed with the digest of the one before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from workers.errors import AuditBroken
from workers.tables import AuditEntry

from .database import clock, exclusive, rows_of

START = "0" * 64
BATCH = 1000


@dataclass(frozen=True)
class Actor:
    """Who acts: a key's id, `local` where there are no keys, `operator:UID` at the command line; and in which request."""

    id: str = "service"
    request: str = ""


@dataclass(frozen=True)
class Head:
    """The last entry: whoever writes it down elsewhere can later tell that nothing before it was changed or cut off."""

    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


SERVICE = Actor()
_actor: ContextVar[Actor] = ContextVar("actor", default=SERVICE)


def act(actor: Actor) -> None:
    """Say who acts from now on in this thread."""
    _actor.set(actor)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Say who acts in this block."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def write(session: Session, tenant: str, action: str, thing: str, **detail: Any) -> None:
    """Append an entry; the last deed of a transaction, because entries are written one at a time."""
    exclusive(session, "audit")
    head, who = last(session), _actor.get()
    entry = AuditEntry(
        number=head.number + 1, at=clock(session), tenant=tenant, actor=who.id, request=who.request, action=action,
        thing=thing, detail=detail, previous=head.digest,
    )  # fmt: skip
    entry.digest = seal(entry)
    session.execute(_NEW, as_json(entry))


_NEW = insert(rows_of(AuditEntry))
_NEWEST = select(AuditEntry.number, AuditEntry.digest).order_by(AuditEntry.number.desc()).limit(1)


def last(session: Session) -> Head:
    """Return the head of the chain."""
    found = session.execute(_NEWEST).first()
    return Head(found.number, found.digest) if found else Head(0, START)


def seal(entry: AuditEntry) -> str:
    """Return the digest of an entry's words and of the entry before it."""
    fields = (
        entry.number, entry.at, entry.tenant, entry.actor, entry.request, entry.action, entry.thing, entry.detail,
        entry.previous,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def verify(session: Session, expected: Head | None = None) -> Head:
    """Walk the whole chain; AuditBroken names the first entry that is changed, missing or out of order."""
    head = Head(0, START)
    for entry in entries(session):
        if entry.number != head.number + 1:
            raise AuditBroken(f"entry {head.number + 1} is missing; the next one is {entry.number}")
        if entry.previous != head.digest or entry.digest != seal(entry):
            raise AuditBroken(
                f"entry {entry.number} is not what was written, or does not follow the one before it"
            )
        head = Head(entry.number, entry.digest)
        if expected is not None and head.number == expected.number and head != expected:
            raise AuditBroken(
                f"entry {head.number} is not the one that was noted; the chain was written anew"
            )
    if expected is not None and head.number < expected.number:
        raise AuditBroken(f"the log ends at entry {head.number}, before the noted entry {expected.number}")
    return head


def entries(session: Session, after: int = 0) -> Iterator[AuditEntry]:
    """Yield the entries in order."""
    while True:
        some = select(AuditEntry).where(AuditEntry.number > after).order_by(AuditEntry.number).limit(BATCH)
        found = list(session.scalars(some))
        yield from found
        if len(found) < BATCH:
            return
        after = found[-1].number
        session.expunge_all()


def as_json(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as JSON."""
    names = [c.key for c in AuditEntry.__table__.columns]
    return {name: getattr(entry, name) for name in names}


def noted(text: str) -> Head:
    """Read a head that was written down: NUMBER:DIGEST."""
    number, _, digest = text.partition(":")
    return Head(int(number), digest)
