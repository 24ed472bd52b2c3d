"""Counters: the notice that something happened, kept with the thing itself in one transaction."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from workers.tables import Counter

from .database import insert


def add(session: Session, name: str, label: str = "", value: float = 1.0) -> None:
    """Add to a counter, which begins at zero."""
    row = insert(session, Counter).values(name=name, label=label, value=value)
    session.execute(
        row.on_conflict_do_update(index_elements=["name", "label"], set_={"value": Counter.value + value})
    )


def read(session: Session) -> dict[str, dict[str, float]]:
    """Return every counter by name and label."""
    out: dict[str, dict[str, float]] = defaultdict(dict)
    for counter in session.scalars(select(Counter)):
        out[counter.name][counter.label] = counter.value
    return dict(out)
