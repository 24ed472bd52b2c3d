"""Pages of a listing, newest first, by the keys of the last row seen."""

from __future__ import annotations

import base64
import binascii

from explainers.errors import InvalidRequest

LIMIT = 200


def encode(created: float, id: str) -> str:
    """Return an opaque cursor that stands behind a row."""
    return base64.urlsafe_b64encode(f"{created!r}|{id}".encode()).decode().rstrip("=")


def decode(cursor: str) -> tuple[float, str]:
    """Return the keys that a cursor stands for."""
    try:
        created, row = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|", 1)
        return float(created), row
    except (binascii.Error, UnicodeDecodeError, ValueError) as e:
        raise InvalidRequest("this cursor was not given by a listing; leave it out", pointer="/cursor") from e


def limited(limit: int) -> int:
    """Return how many rows a page may hold."""
    if not 1 <= limit <= LIMIT:
        raise InvalidRequest(f"limit must be from 1 to {LIMIT}", pointer="/limit")
    return limit
