"""Folders in the temp folder that a killed process leaves behind no longer than until the next of their kind is made."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

ALONE = fcntl.LOCK_EX | fcntl.LOCK_NB


class Scratch:
    """A folder of one kind, locked for as long as a process that made or inherited it lives; `close` removes it."""

    def __init__(self, kind: str) -> None:
        prefix = f"onnxplain-{kind}-"
        _sweep(prefix)
        self.path, self._lock = _make(prefix)

    def close(self) -> None:
        """Remove the folder with all that is in it; a second time does nothing."""
        if self._lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = None


def _make(prefix: str) -> tuple[Path, int | None]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=prefix))
        # whoever sweeps may have come before the lock
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            if _locked(lock) and path.exists():
                return path, lock
            os.close(lock)


def _sweep(prefix: str) -> None:
    """Remove our folders that nobody holds: the kernel gives a lock back when its last holder is dead, however it died."""
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError):
            folder = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(folder).st_uid == os.geteuid() and _locked(folder):
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(folder)


def _locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, ALONE)
    except BlockingIOError:
        return False
    return True
