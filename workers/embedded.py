"""The embedded service: broker, workers and whatever serves HTTP, as children of one process that restarts what dies."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .broker import Broker
from .errors import Conflict
from .ledger.database import Database
from .ledger.schema import upgrade
from .settings import Settings
from .tether import tied

log = logging.getLogger(__name__)
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 10.0
ROOT = Path(__file__).parents[1]


@dataclass
class Part:
    """A program of the service; `descriptors` stay open in it."""

    name: str
    command: list[str]
    descriptors: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0


class Embedded:
    """Everything in one place: a data folder that only one service uses, and the children that share it."""

    def __init__(self, settings: Settings, parts: list[Part]) -> None:
        self._parts = parts
        self._broker = None if settings.redis_url else Broker(settings.data / "broker")
        url = self._broker.url if self._broker else settings.redis_url
        self.settings = settings.model_copy(update={"redis_url": url})
        self._stop = threading.Event()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Run until `stop`, or until SIGINT or SIGTERM where this is the main thread; `ready` is called once all run."""
        with ExitStack() as stack:
            stack.enter_context(locked(self.settings.data))
            stack.enter_context(self._signals())
            stack.callback(self._end)
            self._begin()
            ready()
            while not self._stop.wait(0.2):
                self._mend()

    def stop(self) -> None:
        """Make `run` end."""
        self._stop.set()

    def _begin(self) -> None:
        if self._broker:
            self._broker.start()
        ledger = Database(self.settings.ledger_url)
        upgrade(ledger)
        ledger.close()
        for part in self._parts:
            self._start(part)

    def _start(self, part: Part) -> None:
        environment = {**os.environ, **self.settings.environment(), "PYTHONPATH": self._path()}
        part.process = subprocess.Popen(
            tied(part.command), env=environment, pass_fds=part.descriptors, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        part.started = time.monotonic()

    def _path(self) -> str:
        return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))

    def _mend(self) -> None:
        """Start again what died, at once the first time and ever later if it keeps dying."""
        if self._broker and self._broker.process and self._broker.process.poll() is not None:
            log.warning("the broker died; it is started again")
            self._broker.restart()
        for part in self._parts:
            if part.process is not None and part.process.poll() is not None:
                self._bury(part)
            elif part.process is None and time.monotonic() >= part.due:
                self._start(part)

    def _bury(self, part: Part) -> None:
        assert part.process is not None
        if time.monotonic() - part.started > HEALTHY_SECONDS:
            part.pause = FIRST_PAUSE
        log.warning(
            "%s died with status %s; it is started again in %g s",
            part.name,
            part.process.returncode,
            part.pause,
        )
        part.due, part.process = time.monotonic() + part.pause, None
        part.pause = min(part.pause * 2, LONGEST_PAUSE)

    def _end(self) -> None:
        """Stop the parts, those that were started last first, and the broker at the very end."""
        running = [p for p in reversed(self._parts) if p.process is not None]
        for part in running:
            self._stop_part(part)
        if self._broker:
            self._broker.stop()

    def _stop_part(self, part: Part) -> None:
        assert part.process is not None
        part.process.terminate()
        try:
            part.process.wait(self.settings.drain_seconds + STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("%s did not end in time and is killed", part.name)
            part.process.kill()
            part.process.wait()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {n: signal.signal(n, lambda *_: self.stop()) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def worker() -> Part:
    """Return the part that is a worker."""
    return Part("the worker", [sys.executable, "-P", "-m", "workers.worker"])


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold a data folder, which no second service may use."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise Conflict(f"another service runs on {data}; stop it, or give --data another folder") from e
        yield
