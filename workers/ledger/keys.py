"""API keys: a random secret whose digest is kept, for one tenant, with scopes and an end."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from explainers.errors import InvalidRequest
from workers.errors import NotFound
from workers.records import SCOPES, KeyRecord
from workers.tables import ApiKey

from .database import clock
from .times import maybe_moment, moment

MARK = "oxp"
"""Begins every key, so that programs that look for leaked secrets can know one."""
SECRET_BYTES = 32
NOBODY = "0" * 64
_ANY = select(ApiKey.id).limit(1)


def create(
    session: Session, tenant: str, name: str, scopes: list[str], seconds: float | None
) -> tuple[KeyRecord, str]:
    """Keep a new key; its secret is returned once and kept nowhere."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise InvalidRequest(f"scopes are some of {', '.join(SCOPES)}, got {', '.join(unknown) or 'none'}")
    if not 0 < len(tenant) <= 64 or not tenant.isprintable():
        raise InvalidRequest("a tenant's name has 1 to 64 printable characters")
    secret, time = secrets.token_urlsafe(SECRET_BYTES), clock(session)
    row = ApiKey(
        id=MARK + secrets.token_hex(6), tenant=tenant, name=name[:128], digest=digest(secret), scopes=scopes,
        created=time, expires=None if seconds is None else time + seconds,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return record(row, time), f"{row.id}.{secret}"


def digest(secret: str) -> str:
    """Return what is kept of a secret: 256 random bits cannot be guessed, so a slow hash would slow nobody but us."""
    return hashlib.sha256(secret.encode()).hexdigest()


def known(session: Session, text: str) -> KeyRecord | None:
    """Return the key that a client showed, if it is one that is valid now."""
    name, _, secret = text.partition(".")
    row = session.get(ApiKey, name) if len(name) <= 64 and name.isalnum() else None
    # compared in constant time, and also where there is no such key
    same = hmac.compare_digest(digest(secret), row.digest if row else NOBODY)
    if row is None or not same:
        return None
    found = record(row, clock(session))
    return found if found.valid else None


def any_exist(session: Session) -> bool:
    """Say whether a key was ever made; revoking the last one does not open the service again."""
    return session.scalars(_ANY).first() is not None


def revoke(session: Session, id: str) -> KeyRecord:
    """End a key at once."""
    row = session.get(ApiKey, id.partition(".")[0])
    if row is None:
        raise NotFound(f"there is no key {id.partition('.')[0][:40]!r}; `onnxplain keys list` shows them")
    time = clock(session)
    row.revoked = row.revoked or time
    return record(row, time)


def listed(session: Session, tenant: str | None) -> list[KeyRecord]:
    """Return every key, or those of a tenant, oldest first."""
    wanted = [] if tenant is None else [ApiKey.tenant == tenant]
    time = clock(session)
    rows = session.scalars(select(ApiKey).where(*wanted).order_by(ApiKey.created, ApiKey.id))
    return [record(row, time) for row in rows]


def record(row: ApiKey, time: float) -> KeyRecord:
    """Return a key without its session and without its digest."""
    past = row.expires is not None and row.expires <= time
    state: Any = "revoked" if row.revoked is not None else "expired" if past else "valid"
    return KeyRecord(
        row.id, row.tenant, row.name, tuple(cast("list[str]", row.scopes)), state, moment(row.created),
        maybe_moment(row.expires), maybe_moment(row.revoked),
    )  # fmt: skip
