"""Counters: the notice that something happened, kept with the thing itself in one transaction."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from workers.tables import Counter

from .database import at_end, insert


def add(session: Session, name: str, label: str = "", value: float = 1.0) -> None:
    """Add to a counter, which begins at zero; it is written at the end of the transaction."""
    sums = session.info.setdefault("counters", defaultdict(float))
    sums[name, label] += value
    at_end(session, "counters", _write)


def _write(session: Session) -> None:
    # in one order, so that no two transactions wait for each other
    for (name, label), value in sorted(session.info.pop("counters").items()):
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
