"""What a runner says of its work, checked as a request is: a stranger's model may have taken the runner over."""

from __future__ import annotations

from typing import TypeGuard

from explainers.errors import ExplainError, from_json
from workers.errors import ServiceFailed, Unavailable

from .frames import BrokenFrame, Frame

MOST = 1 << 53
UNIT = 32
OURS = (Unavailable, ServiceFailed)
"""What only the service can say of itself: work that is put off costs no attempt."""


def progress(frame: Frame) -> tuple[int, int, str] | None:
    """Return how far the work is, of how much and of what; None: the frame says something else."""
    fields = frame.fields
    if fields.get("kind") != "progress":
        return None
    done, total, unit = (fields.get(name) for name in ("done", "total", "unit"))
    if _is_count(done) and _is_count(total) and isinstance(unit, str) and len(unit) <= UNIT:
        return done, total, unit
    raise BrokenFrame("the other side told a progress that cannot be")


def answer(frame: Frame) -> Frame | ExplainError:
    """Return a result, or why there is none."""
    kind = frame.fields.get("kind")
    if kind == "result":
        return frame
    if kind != "error":
        raise BrokenFrame("the other side sent neither a result nor a reason")
    try:
        error = from_json(frame.fields["error"])
    except (AttributeError, IndexError, KeyError, TypeError) as e:
        raise BrokenFrame("the other side gave a reason that cannot be read") from e
    if isinstance(error, OURS):
        raise BrokenFrame("the other side spoke for the service")
    return error


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < MOST
