"""Who needs which blob."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Executable, delete, select
from sqlalchemy.orm import Session

from workers.tables import BlobUse

from .database import dialect, insert


def add(session: Session, tenant: str, kind: str, owner: str, digest: str) -> None:
    """Note that an owner needs a blob."""
    row = {"tenant": tenant, "kind": kind, "owner": owner, "digest": digest}
    session.execute(_new(dialect(session)), row)


@cache
def _new(dialect: str) -> Executable:
    return insert(dialect, BlobUse).on_conflict_do_nothing()


def drop(session: Session, kind: str, owner: str) -> list[str]:
    """Forget what an owner needed; return the blobs that nobody needs now."""
    mine = (BlobUse.kind == kind, BlobUse.owner == owner)
    digests = list(session.scalars(select(BlobUse.digest).where(*mine)))
    session.execute(delete(BlobUse).where(*mine))
    return [d for d in digests if not used(session, d)]


def drop_one(session: Session, kind: str, owner: str, digest: str) -> None:
    """Forget that an owner needed one blob."""
    mine = (BlobUse.kind == kind, BlobUse.owner == owner, BlobUse.digest == digest)
    session.execute(delete(BlobUse).where(*mine))


def used_of(session: Session, digests: list[str]) -> set[str]:
    """Return those of these blobs that somebody needs."""
    return set(session.scalars(select(BlobUse.digest).where(BlobUse.digest.in_(digests)).distinct()))


def used(session: Session, digest: str) -> bool:
    """Return whether anybody needs a blob."""
    return (
        session.scalars(select(BlobUse.digest).where(BlobUse.digest == digest).limit(1)).first() is not None
    )
