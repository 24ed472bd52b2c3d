"""Starts processes from one thread that never ends: the parent-death signal fires when the starting *thread* ends."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

Start = Callable[[], "subprocess.Popen[bytes]"]
_lock = threading.Lock()
_thread: _Spawner | None = None


class _Spawner(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="spawner", daemon=True)
        self.orders: queue.SimpleQueue[tuple[Start, Future[Any]]] = queue.SimpleQueue()

    def run(self) -> None:
        while True:
            start, answer = self.orders.get()
            try:
                answer.set_result(start())
            except Exception as e:  # noqa: BLE001  whoever asked is told; this thread must not end, its children would too
                answer.set_exception(e)


def _begin_anew() -> None:
    """Forget a thread that the child of a fork does not have, and a lock that another thread may have held meanwhile."""
    global _lock, _thread
    _lock, _thread = threading.Lock(), None


os.register_at_fork(after_in_child=_begin_anew)


def spawn(start: Start) -> subprocess.Popen[bytes]:
    """Start a process in the spawning thread of this process (a fork gets a thread of its own)."""
    global _thread  # noqa: PLW0603  one thread per process
    with _lock:
        if _thread is None:
            _thread = _Spawner()
            _thread.start()
        answer: Future[subprocess.Popen[bytes]] = Future()
        _thread.orders.put((start, answer))
    return answer.result()
