"""Whether a worker takes the calls that wait for it: one that is connected and takes none is deaf."""

from __future__ import annotations

import time

import redis

from .queue import in_hand, lists
from .settings import Settings

LOOK_SECONDS = 1.0


class Hearing:
    """Looks at the broker over a connection of its own; `heard` is told of every call that Celery takes."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lists = settings, lists(settings)
        self._broker = redis.Redis.from_url(
            settings.redis_url or "", socket_timeout=LOOK_SECONDS, socket_connect_timeout=LOOK_SECONDS
        )
        self._looked, self._deaf_for = time.monotonic(), 0.0
        self._taken = self._known = self._remedies = 0

    @property
    def deaf(self) -> bool:
        """Whether calls have waited too long while this worker has free slots and takes none."""
        return self._deaf_for >= self._settings.deaf_seconds

    def heard(self) -> None:
        """Note that a call was taken."""
        self._taken += 1

    def look(self) -> None:
        """Look, from time to time, whether calls wait that this worker could take."""
        now = time.monotonic()
        # a process that stood still is not deaf for that time
        passed, self._looked = min(now - self._looked, 2 * LOOK_SECONDS), now
        if self._taken != self._known:
            self._known, self._deaf_for, self._remedies = self._taken, 0.0, 0
        self._deaf_for = self._deaf_for + passed if self._ignores() else 0.0

    def remedy(self) -> int:
        """Begin to wait anew, and return how many times that makes since a call was last taken."""
        self._deaf_for = 0.0
        self._remedies += 1
        return self._remedies

    def _ignores(self) -> bool:
        if in_hand() >= self._settings.slots:
            return False
        try:
            return any(self._broker.llen(name) for name in self._lists)
        except redis.RedisError:
            return False
