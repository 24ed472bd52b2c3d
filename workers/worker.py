"""The program of a worker: `python -m workers.worker`; Celery's prefork pool, a keeper, and a supervisor per child."""

from __future__ import annotations

import os
import tempfile
from importlib.metadata import version
from multiprocessing.util import Finalize
from typing import Any

from celery import signals

import explainers

from . import logs, supervisor, traces
from .keeper import Keeper
from .ledger.database import Database
from .ledger.schema import upgrade
from .ledger.workers import Identity
from .processes import host, worker_id
from .queue import QUEUES, create_app
from .scratch import Scratch
from .settings import Settings
from .tether import tie

NICE = 2
AFTER_CELERY = -200
"""Whoever shares memory between processes removes its own folder at -100, and complains if it is not there."""


def identify(settings: Settings) -> Identity:
    """Return who this worker is."""
    here = host()
    versions = {"onnxplain": explainers.__version__, "celery": version("celery")}
    return Identity(worker_id(here), here, os.getpid(), settings.provider, settings.slots, versions)


class Program:
    """A worker's main process: what happens at each turn of Celery's life."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._identity = identify(settings)
        self._keeper: Keeper | None = None

    def run(self) -> None:
        """Consume until told to stop."""
        settings = self._settings
        # a job that is accepted may wait for a moment, whoever has it accepted does not: the web server goes first
        os.nice(NICE)
        ledger = Database(settings.ledger_url, forks=True)
        upgrade(ledger)
        ledger.close()
        # weak references would let the bound methods go at once
        signals.worker_process_init.connect(self._child_begins, weak=False)
        signals.worker_process_shutdown.connect(self._child_ends, weak=False)
        signals.worker_ready.connect(self._ready, weak=False)
        signals.worker_shutting_down.connect(self._shutting_down, weak=False)
        signals.worker_shutdown.connect(self._shutdown, weak=False)
        # what Celery shares with its children, and their runners' folders, go when this worker has gone
        scratch = Scratch("worker")
        tempfile.tempdir = str(scratch.path)
        Finalize(None, scratch.close, exitpriority=AFTER_CELERY)
        create_app(settings).worker_main(
            ["--quiet", "worker", "--pool=prefork", f"--concurrency={settings.slots}", f"--queues={QUEUES[settings.provider]}",
             f"--hostname={self._identity.id}", "--without-gossip", "--without-mingle", "--loglevel=WARNING"]
        )  # fmt: skip

    def _child_begins(self, **_: Any) -> None:
        tie(os.getppid())
        traces.configure(self._settings, "worker")
        supervisor.install(supervisor.Supervisor(self._settings, self._identity.id))

    def _child_ends(self, **_: Any) -> None:
        supervisor.current().close()
        traces.close()

    def _ready(self, sender: Any, **_: Any) -> None:
        self._keeper = Keeper(self._settings, self._identity)
        signals.task_received.connect(self._received, weak=False)
        sender.timer.call_repeatedly(self._settings.heartbeat_seconds, self._keeper.consumed)
        self._keeper.start()

    def _received(self, **_: Any) -> None:
        if self._keeper is not None:
            self._keeper.hearing.heard()

    def _shutting_down(self, **_: Any) -> None:
        if self._keeper is not None:
            self._keeper.drain()

    def _shutdown(self, **_: Any) -> None:
        if self._keeper is not None:
            self._keeper.leave()


def main() -> None:
    """Run a worker with the settings of the environment."""
    settings = Settings()
    logs.configure(settings.log_format)
    Program(settings).run()


if __name__ == "__main__":
    main()
