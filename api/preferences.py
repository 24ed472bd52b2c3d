"""Headers by which a client says how it wants a job: `Prefer: wait=N` (RFC 7240) and `Idempotency-Key`."""

from __future__ import annotations

import re

from flask import request

from .problems import Problem

LONGEST_WAIT = 60.0
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})\"?(?=$|[,;\s])", re.IGNORECASE)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def wanted_wait() -> float:
    """Return how long the client wants to wait for the result, at most a minute; 0: not at all."""
    found = _WAIT.search(",".join(request.headers.getlist("Prefer")))
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0


def idempotency_key() -> str | None:
    """Return the client's key for this request, refusing one that a header should not carry."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(400, "Idempotency-Key must be 1 to 255 visible ASCII characters; a UUID is a good one")
    return key
