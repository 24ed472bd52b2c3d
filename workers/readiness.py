"""Whether accepted jobs will be run, judged from what answers and from what the workers say."""

from __future__ import annotations

from .records import Readiness, WorkerRecord
from .settings import Settings


def readiness(settings: Settings, consuming: list[WorkerRecord], *, ledger: bool, broker: bool) -> Readiness:
    """Judge a service by the workers that say they consume, and by whether its ledger and broker answer."""
    parts = {"the ledger": ledger, "the broker": broker, "a consuming worker": bool(consuming)}
    missing = [f"{name} does not answer" for name, answers in parts.items() if not answers]
    tried = [w.open_walls for w in consuming if w.open_walls is not None]
    walls = sorted({wall for walls in tried for wall in walls})
    said = [f"models run in a cage that is not closed: {'; '.join(walls)}"] if walls else []
    if walls and settings.cage == "required" and all(tried):
        # no worker runs anything
        missing, said = [*missing, "a worker whose cage is closed does not answer"], []
    return Readiness(ledger, broker, bool(consuming), not walls if tried else None, missing, said)
