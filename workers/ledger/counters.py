"""Counters: the notice that something happened, kept with the thing itself in one transaction."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from sqlalchemy import Executable, select
from sqlalchemy.orm import Session

from workers.tables import Counter

from .database import at_end, dialect, insert


def add(session: Session, name: str, label: str = "", value: float = 1.0) -> None:
    """Add to a counter, which begins at zero; it is written at the end of the transaction."""
    sums = session.info.setdefault("counters", defaultdict(float))
    sums[name, label] += value
    at_end(session, "counters", _write)


def _write(session: Session) -> None:
    # in one order, so that no two transactions wait for each other
    sums = sorted(session.info.pop("counters").items())
    rows = [{"name": name, "label": label, "value": value} for (name, label), value in sums]
    session.execute(_more(dialect(session)), rows)


@cache
def _more(dialect: str) -> Executable:
    row = insert(dialect, Counter)
    value = Counter.value + row.excluded.value
    return row.on_conflict_do_update(index_elements=["name", "label"], set_={"value": value})


def read(session: Session) -> dict[str, dict[str, float]]:
    """Return every counter by name and label."""
    out: dict[str, dict[str, float]] = defaultdict(dict)
    for counter in session.scalars(select(Counter)):
        out[counter.name][counter.label] = counter.value
    return dict(out)
