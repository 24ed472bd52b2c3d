"""A runner as its supervisor holds it: started clean, watched while it works, killed when it oversteps."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from explainers.errors import Cancelled, ResourceLimit
from explainers.types import Array
from workers.errors import Crashed, TimeLimit, Unavailable
from workers.scratch import Scratch

from . import said
from .cage import Cage
from .frames import BrokenFrame, Channel, Frame
from .murmur import Murmur
from .spawner import spawn

PASSED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
OPEN_CAGE = "the cage in which models run cannot be closed on this machine:"
SPACE = 16 << 30
"""Address space that is reserved and never touched: stacks, arenas, mapped libraries."""
log = logging.getLogger(__name__)

Purpose = Literal["explain", "look", "draw", "try"]
"""What a process is for: to explain, to look at uploads, to draw, or only to try its cage."""
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Limits:
    """What a runner may take, and what it is for."""

    memory: int
    cancel_seconds: float = 2.0
    file: int = 0
    """Bytes of one file that it writes; 0: no bound."""
    provider: str = "cpu"
    purpose: Purpose = "explain"
    """What is loaded before the cage is closed; afterwards nothing can be."""
    required: bool = False
    """Whether it must not work with a cage that is open somewhere."""

    def order(self) -> str:
        """Return what the process is told at its start, as JSON."""
        told = {"memory": 2 * self.memory + SPACE, "file": self.file, "provider": self.provider}
        return json.dumps(told | {"purpose": self.purpose})


@dataclass
class Watch:
    """What is watched while one order is carried out."""

    seconds: float
    progress: Progress = field(default=lambda *_: None)
    stop: Callable[[], bool] = field(default=lambda: False)
    """Asked every 0.2 s; True: the order is cancelled."""


_warned: set[str] = set()


def judge(cage: Cage, *, required: bool) -> None:
    """Refuse a cage that is open where it must not be, or say once in the log that it is."""
    where = "; ".join(cage.open)
    if where and required:
        raise Unavailable(f"{OPEN_CAGE} {where}. ONNXPLAIN_CAGE=best-effort runs it all the same")
    if where and where not in _warned:
        _warned.add(where)
        log.warning("%s %s. Let only people whom you trust upload models", OPEN_CAGE, where)


class Runner:
    """One runner process; not to be used by two threads at once."""

    def __init__(self, limits: Limits, stop: Callable[[], bool] = lambda: False) -> None:
        self._limits = limits
        self._watch = Watch(START_SECONDS)
        self._deadline = self._cancelled = float("inf")
        self._stopping = self._listening = self._ready = False
        ours, theirs = socket.socketpair()
        said, their_words = os.pipe()
        self._murmur = Murmur(said)
        # once the cage is closed it can neither read nor write there
        with closing(Scratch("runner")) as home:
            with theirs, os.fdopen(their_words, "wb") as words:
                self._process = spawn(lambda: self._start(theirs.fileno(), words.fileno(), str(home.path)))
            self._channel = Channel(ours, self._idle)
            self._order(Watch(START_SECONDS, stop=stop))
            try:
                self.cage = self._begin()
            except BaseException:
                self.close()
                raise
        self._ready = True

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def resident(self) -> int:
        """Return the resident bytes of the process."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def call(
        self,
        fields: Mapping[str, Any],
        arrays: Mapping[str, Array] | None = None,
        descriptors: Sequence[int] = (),
        *,
        watch: Watch,
    ) -> Frame:
        """Give an order and wait for its result; raise what the runner refuses, or why it was killed."""
        self._order(watch)
        answered = False
        try:
            self._channel.send(fields, arrays, descriptors)
            self._listening = True
            while True:
                self._idle()
                frame = self._receive()
                if (far := said.progress(frame)) is not None:
                    watch.progress(*far)
                    continue
                found = said.answer(frame)
                answered = True
                if isinstance(found, Frame):
                    return found
                raise found
        except BrokenFrame as e:
            raise self._death() from e
        finally:
            if not answered:
                # what it may yet say of this order would be taken for the answer to the next
                self._kill()

    def close(self) -> None:
        """End the process."""
        self._kill()
        self._murmur.close()
        self._channel.close()

    def _begin(self) -> Cage:
        """Wait until the process has closed its cage, and say loudly where it could not."""
        try:
            found = Cage(**self._receive().fields["cage"])
        except BrokenFrame as e:
            raise self._death() from e
        except TimeLimit as e:
            raise Unavailable(f"a runner did not start: {e.detail}") from e
        judge(found, required=self._limits.required)
        return found

    def _start(self, descriptor: int, words: int, home: str) -> subprocess.Popen[bytes]:
        told = [str(descriptor), str(os.getpid()), self._limits.order()]
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "workers.runner", *told],
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            cwd="/",
            env=_environment(home),
            start_new_session=True,
        )

    def _order(self, watch: Watch) -> None:
        self._watch, self._stopping, self._listening = watch, False, False
        self._deadline, self._cancelled = time.monotonic() + watch.seconds, float("inf")

    def _receive(self) -> Frame:
        return self._channel.receive()

    def _idle(self) -> None:
        """Look after the runner: memory, wall time, cancellation."""
        now = time.monotonic()
        self._murmur.listen()
        if self._ready and self.resident() > self._limits.memory:
            self._kill()
            raise ResourceLimit(
                f"the work took more than {self._limits.memory >> 20} MiB of memory; send smaller items"
            )
        # whoever starts a runner wants to be asked meanwhile: it takes a second, on a busy machine more
        if not self._ready and self._watch.stop():
            raise Cancelled("the job was cancelled before it ran")
        if now > self._deadline:
            self._kill()
            raise TimeLimit(
                f"the work took more than {self._watch.seconds:g} s; send fewer items or take fewer samples"
            )
        if now > self._cancelled:
            self._kill()
            raise Cancelled("the job was cancelled while it ran")
        # an order must not be broken into: while it is being sent, a cancellation waits
        if self._listening and not self._stopping and self._watch.stop():
            self._stopping = True
            self._cancelled = now + self._limits.cancel_seconds
            self._channel.send({"op": "cancel"})

    def _death(self) -> Exception:
        if self._stopping:
            self._kill()
            return Cancelled("the job was cancelled while it ran")
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._kill()
        self._murmur.listen()
        code = self._process.returncode
        how = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit status {code}"
        return Crashed(f"the process that ran the model died ({how})")

    def _kill(self) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _environment(home: str) -> dict[str, str]:
    """Return the little of our environment that a stranger's model may see."""
    own = {name: os.environ[name] for name in PASSED if name in os.environ}
    return own | {
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "HOME": home,
        "MPLCONFIGDIR": home,
        "TMPDIR": home,
    }
