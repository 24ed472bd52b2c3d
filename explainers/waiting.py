"""Coming again when the service says that it has no place now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

PASSING = ("busy", "quota-exceeded", "too-many-requests")
"""Codes of refusals that pass by themselves, where Retry-After says when."""


class Answer(Protocol):
    """What is looked at of an answer over HTTP."""

    @property
    def status_code(self) -> int:
        """The status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, whose names are found in any case."""

    def json(self) -> Any:
        """Return the body; ValueError where it is no JSON."""


A = TypeVar("A", bound=Answer)


def patiently(send: Callable[[], A], seconds: float) -> A:
    """Send until there is an answer other than to come again, for at most so many seconds."""
    end = time.monotonic() + seconds
    while True:
        answer = send()
        pause = _pause(answer)
        if pause is None or time.monotonic() + pause > end:
            return answer
        time.sleep(pause)


def _pause(answer: Answer) -> float | None:
    after = answer.headers.get("Retry-After", "")
    if answer.status_code not in (429, 503) or not after.isdecimal():
        return None
    try:
        code = answer.json()["code"]
    except (ValueError, KeyError, TypeError):
        return None
    return float(after) if code in PASSING else None
