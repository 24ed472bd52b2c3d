from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from reference.patience import PATIENCE

from workers.embedded import Embedded, worker
from workers.errors import Conflict
from workers.records import Submission
from workers.service import Service
from workers.settings import Settings

PROGRAM = """
import sys, threading
from pathlib import Path
from workers.embedded import Embedded, worker
from workers.settings import Settings
service = Embedded(Settings(data=Path(sys.argv[1]), slots=1, heartbeat_seconds=0.5, reconcile_seconds=0.5), [worker()])
service.run(lambda: print(service.settings.redis_url, flush=True))
"""


class Running:
    """An embedded service in a process of its own, and a service of ours on the same folder."""

    def __init__(self, data: Path) -> None:
        self.log = (data.parent / "log").open("ab")
        command = [sys.executable, "-c", PROGRAM, str(data)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        assert self.process.stdout is not None
        url = self.process.stdout.readline().strip()
        self.service = Service.open(Settings(data=data, redis_url=url, slots=1, heartbeat_seconds=0.5))
        self.wait_ready()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.service.ready().ready:
            assert time.monotonic() < deadline, Path(self.log.name).read_text()[-3000:]
            time.sleep(0.05)

    def child(self, word: str) -> psutil.Process:
        return next(p for p in psutil.Process(self.process.pid).children() if word in " ".join(p.cmdline()))

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.service.close()
        self.log.close()
        return status


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def start(data):
    running: list[Running] = []

    def go() -> Running:
        running.append(Running(data))
        return running[-1]

    yield go
    for r in running:
        if r.process.poll() is None:
            r.stop(signal.SIGKILL)


def explain(running: Running, saved: Path, seed: int):
    model = running.service.add_model("default", saved, {}, None)[0].id
    inputs = {"input": np.ones((2, 4), "f4")}
    job, _ = running.service.submit("default", Submission(model, "gradient", inputs=inputs, seed=seed))
    return running.service.wait("default", job.id, PATIENCE)


@pytest.fixture
def saved(tmp_path, mlp_bytes):
    (tmp_path / "m.onnx").write_bytes(mlp_bytes)
    return tmp_path / "m.onnx"


def gone(pids: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while [p for p in pids if psutil.pid_exists(p) and psutil.Process(p).status() != psutil.STATUS_ZOMBIE]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def family(running: Running) -> list[int]:
    return [p.pid for p in psutil.Process(running.process.pid).children(recursive=True)]


def test_what_dies_is_started_again_and_the_work_goes_on(start, saved):
    running = start()
    assert explain(running, saved, 1).state == "succeeded"
    running.child("workers.worker").kill()
    running.child("valkey").kill()
    assert explain(running, saved, 2).state == "succeeded"
    pids = family(running)
    assert running.stop(signal.SIGINT) == 0
    gone(pids)


def test_a_restart_goes_on_where_it_was(start, saved, data):
    running = start()
    first = explain(running, saved, 1)
    pids = family(running)
    running.stop(signal.SIGKILL)
    gone(pids)
    quiet = Service.open(Settings(data=data, redis_url="redis://127.0.0.1:1/0"))
    inputs = {"input": np.ones((2, 4), "f4")}
    waiting, _ = quiet.submit("default", Submission(first.model, "gradient", inputs=inputs, seed=5))
    quiet.close()
    running = start()
    assert running.service.wait("default", waiting.id, PATIENCE).state == "succeeded"
    assert running.service.result("default", first.id).npz.exists()
    assert running.stop() == 0


def test_two_services_do_not_share_a_folder(start, data):
    start()
    other = Embedded(Settings(data=data), [worker()])
    with pytest.raises(Conflict, match="another service"):
        other.run()
