"""What a runner says on its standard error: a stranger's model may have put it there, so it is escaped and bounded."""

from __future__ import annotations

import logging
import os

MOST = 16_384
LINE = 2000
log = logging.getLogger(__name__)


class Murmur:
    """The reading end of a pipe; whatever comes is logged line by line, up to a bound for each time it is looked at."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._pipe = os.fdopen(descriptor, "rb", buffering=0)

    def listen(self) -> None:
        """Log what was said since the last time."""
        # nothing to be read is None
        said = self._pipe.read(MOST) or b""
        for line in said.decode(errors="replace").splitlines():
            log.warning("a runner says: %s", escaped(line))

    def close(self) -> None:
        """Close the pipe."""
        self._pipe.close()


def escaped(line: str) -> str:
    """Return a line in which nothing can end the line, move the cursor or colour a terminal."""
    return line[:LINE].encode("unicode_escape").decode("ascii")
