"""The ledger's seconds as moments in UTC, and ids that sort by the time they were made."""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import UTC, datetime


def moment(seconds: float) -> datetime:
    """Return seconds since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def maybe_moment(seconds: float | None) -> datetime | None:
    """Return seconds since 1970 as a moment in UTC, if there are any."""
    return None if seconds is None else moment(seconds)


def new_id() -> str:
    """Return a UUID of version 7: milliseconds, then random bits, so that newer ids sort later."""
    value = int(time.time() * 1000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
