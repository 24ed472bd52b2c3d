"""Figures: what /metrics shows of the ledger, read at one time."""

from __future__ import annotations

from sqlalchemy.orm import Session

from workers.records import Counts

from . import counters, reconcile, workers


def read(session: Session, heartbeat: float) -> Counts:
    """Return jobs and chunks by state, every counter, and the workers that lately said that they consume."""
    tally, found = reconcile.summary(session), counters.read(session)
    errors = _by_method(found.pop("approximation_error", {}))
    seconds = {n.removesuffix("_seconds"): v for n, v in found.items() if n.endswith("_seconds")}
    whole = {n: {k: int(v) for k, v in c.items()} for n, c in found.items() if not n.endswith("_seconds")}
    return Counts(tally["jobs"], tally["chunks"], whole, seconds, errors, workers.alive(session, heartbeat))


def _by_method(found: dict[str, float]) -> dict[str, dict[str, int]]:
    out: dict[str, dict[str, int]] = {}
    for label, items in found.items():
        method, bound = label.split("/")
        out.setdefault(method, {})[bound] = int(items)
    return out
