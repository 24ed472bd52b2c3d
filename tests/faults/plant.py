"""A whole service as processes that a test may kill, freeze and cut off, and the account of what became of its jobs."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from faults.proxy import Proxy
from faults.work import SLOW, SMALL, greedy_bytes, slow_job, small_inputs, small_job
from prometheus_client.parser import text_string_to_metric_families
from reference.patience import PATIENCE
from sqlalchemy import func, select

from api.cli import web
from api.listening import listen
from workers.broker import Broker
from workers.ledger.database import Database
from workers.ledger.schema import upgrade
from workers.runner.spawner import spawn
from workers.settings import Settings
from workers.tables import OPEN_JOB, Chunk, Event, Job
from workers.tether import tied

ROOT = Path(__file__).parents[2]
QUICK: dict[str, Any] = {
    "slots": 1, "lease_seconds": 4.0, "renew_seconds": 0.5, "tick_seconds": 0.2, "reconcile_seconds": 0.5,
    "republish_seconds": 2.0, "heartbeat_seconds": 0.5, "cancel_seconds": 1.0, "drain_seconds": 1.0, "chunk_seconds": 0.5,
    "deaf_seconds": 3.0,
}  # fmt: skip
FINAL = {"succeeded", "partially_succeeded", "failed", "cancelled"}


class Plant:
    """Broker, ledger, workers and web server in a folder of their own; the broker is reached through a proxy."""

    def __init__(self, folder: Path, *, workers: int = 1, **changes: Any) -> None:
        self.broker = Broker(folder / "broker")
        self.broker.start()
        self.proxy = Proxy(folder / "proxy.sock", self.broker.socket)
        self.settings = Settings(**{**QUICK, "data": folder, "redis_url": self.proxy.url, **changes})
        self.ledger = Database(self.settings.ledger_url)
        upgrade(self.ledger)
        self.log, self.temp = (folder / "log").open("ab"), folder / "temp"
        self.temp.mkdir()
        self.accepted: set[str] = set()
        self.listener = listen("127.0.0.1", 0)
        address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.http = httpx.Client(base_url=address, timeout=60, trust_env=False)
        self.workers = [self.start_worker() for _ in range(workers)]
        self.web = self.start_web()
        self.until(lambda: self.ready()["ready"], PATIENCE)
        self.small, self.slow = self.add_model(SMALL.bytes()), self.add_model(SLOW.bytes())

    def start_worker(self, path: Path | None = None, **changes: Any) -> subprocess.Popen[bytes]:
        """Start a worker; `path`: a folder of modules that it finds first."""
        settings = self.settings.model_copy(update=changes)
        return self.start([sys.executable, "-P", "-m", "workers.worker"], settings, path)

    def start_web(self) -> subprocess.Popen[bytes]:
        """Start the web server on the socket that stays open while it is away."""
        part = web(self.listener)
        return self.start(part.command, None, None, *part.descriptors)

    def start(
        self,
        command: list[str],
        settings: Settings | None = None,
        path: Path | None = None,
        *descriptors: int,
    ) -> subprocess.Popen[bytes]:
        """Start a program of the service."""
        settings = settings or self.settings
        paths = os.pathsep.join(map(str, filter(None, [path, ROOT])))
        environment = {
            **os.environ, **settings.environment(), "PYTHONPATH": paths, "TMPDIR": str(self.temp),
        }  # fmt: skip
        # tied, so that a test run that is killed leaves nothing behind
        # from the one thread that lasts: the tie breaks when the starting thread ends
        whole, told = tied(command), {"env": environment, "stdout": self.log, "stderr": self.log}
        return spawn(lambda: subprocess.Popen(whole, pass_fds=descriptors, **told))

    def kill_web(self) -> None:
        """Kill the web server, all of it."""
        family = psutil.Process(self.web.pid).children(recursive=True)
        self.web.kill()
        self.web.wait()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def revive(self) -> None:
        """Start again whatever is not alive, as an init system would."""
        if self.broker.process is not None and self.broker.process.poll() is not None:
            self.broker.restart()
        self.workers = [w if w.poll() is None else self.start_worker() for w in self.workers]
        if self.web.poll() is not None:
            self.web = self.start_web()

    def stop_programs(self) -> None:
        """End the web server and the workers."""
        for process in (self.web, *self.workers):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in (self.web, *self.workers):
            end(process)

    def stop(self) -> None:
        """End every process."""
        self.http.close()
        self.stop_programs()
        self.proxy.close()
        self.broker.stop()
        self.ledger.close()
        self.listener.close()
        self.log.close()

    def until(self, true: Callable[[], Any], seconds: float) -> Any:
        """Wait until something is so, and return it."""
        deadline = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < deadline, Path(self.log.name).read_text()[-3000:]
            time.sleep(0.02)
        return found

    def ready(self) -> dict[str, Any]:
        """Return what /readyz answers."""
        try:
            return dict(self.http.get("/readyz").json())
        except (httpx.HTTPError, ValueError):
            return {"ready": False}

    def add_model(self, data: bytes) -> str:
        """Upload a model."""
        answer = self.http.post(
            "/v1/models", content=data, headers={"Content-Type": "application/octet-stream"}
        )
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["id"])

    def post(self, body: dict[str, Any], key: str) -> httpx.Response:
        """Post a job once."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        answer = self.http.post("/v1/jobs", content=json.dumps(body), headers=headers)
        if answer.status_code == 202:
            self.accepted.add(answer.json()["id"])
        return answer

    def submit(self, body: dict[str, Any], key: str = "", seconds: float = 60.0) -> str:
        """Post a job until it is accepted, under one key: whoever gets no answer asks again."""
        key, deadline = key or str(uuid.uuid4()), time.monotonic() + seconds
        while True:
            try:
                answer = self.post(body, key)
                if answer.status_code == 202:
                    return str(answer.json()["id"])
                why = answer.text
                assert answer.status_code == 503, why
            except httpx.HTTPError as e:
                why = repr(e)
            assert time.monotonic() < deadline, why
            time.sleep(0.1)

    def small_request(self, seed: int) -> dict[str, Any]:
        """Return the request of a small job."""
        return small_job(self.small, seed)

    def add_greedy(self) -> str:
        """Upload the model that takes what it is told to take."""
        return self.add_model(greedy_bytes())

    def submit_small(self, seed: int, priority: str = "batch", seconds: float = 60.0) -> str:
        """Submit a job of milliseconds."""
        return self.submit(small_job(self.small, seed, priority), seconds=seconds)

    def submit_slow(self, seed: int, repeat: int = 8) -> str:
        """Submit a job of seconds, in several chunks, and wait until it runs."""
        job = self.submit(slow_job(self.slow, seed, repeat))
        self.until(lambda: self.job(job)["state"] != "queued", PATIENCE)
        return job

    def job(self, id: str) -> dict[str, Any]:
        """Return a job."""
        return dict(self.get(f"/v1/jobs/{id}").json())

    def get(self, path: str) -> httpx.Response:
        """Return what lies at an address, asked for until there is an answer."""

        def asked() -> httpx.Response | None:
            try:
                answer = self.http.get(path)
            except httpx.HTTPError:
                return None
            return answer if answer.status_code == 200 else None

        found: httpx.Response = self.until(asked, PATIENCE)
        return found

    def wait(self, id: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Return a job that has ended."""
        return dict(self.until(lambda: (job := self.job(id))["state"] in FINAL and job, seconds))

    def attributions(self, id: str) -> np.ndarray:
        """Return the result of a job."""
        with np.load(io.BytesIO(self.get(f"/v1/jobs/{id}/result.npz").content)) as arrays:
            return np.asarray(arrays["attribution.input"])

    def good_job(self, seed: int, seconds: float = 60.0) -> None:
        """Show that the next good job is done within a minute, and rightly."""
        job = self.submit_small(seed, "interactive")
        assert self.wait(job, seconds)["state"] == "succeeded"
        self.check_small(job, seed)

    def check_small(self, id: str, seed: int) -> None:
        """Hold a small job's result to the gradient that numpy gives."""
        want = SMALL.gradient(small_inputs(seed), 1)
        np.testing.assert_allclose(self.attributions(id), want, rtol=1e-4, atol=1e-5)

    def check_once(self, ids: Iterable[str]) -> None:
        """Hold each job to one last state, and each of its items to one chunk that counts."""
        with self.ledger.read() as session:
            for number in ids:
                states = (
                    select(Event.data).where(Event.job == number, Event.kind == "state").order_by(Event.id)
                )
                said = [data["state"] for data in session.scalars(states)]
                assert [s for s in said if s in FINAL] == said[-1:], said
                done = select(Chunk.start, Chunk.stop).where(Chunk.job == number, Chunk.state == "succeeded")
                ends = sorted((row.start, row.stop) for row in session.execute(done))
                items = [i for start, stop in ends for i in range(start, stop)]
                whole = session.get_one(Job, number).items
                assert items == list(range(whole)) or said[-1] != "succeeded", (said, ends)

    def jobs(self) -> dict[str, int]:
        """Return how many jobs the ledger holds, and how many of them have not ended."""
        with self.ledger.read() as session:
            all_ = session.scalars(select(func.count()).select_from(Job)).one()
            left = select(func.count()).select_from(Job).where(Job.state.in_(OPEN_JOB))
            return {"all": all_, "open": session.scalars(left).one()}

    def check_done(self, jobs: dict[str, int]) -> None:
        """Wait for small jobs, given by id with their seeds, and hold each to its one right result."""
        for number, seed in jobs.items():
            assert self.wait(number)["state"] == "succeeded"
            self.check_small(number, seed)
        self.check_once(jobs)

    def figure(self, name: str, **labels: str) -> float:
        """Return a figure of /metrics, 0 where it was never counted."""
        text = self.get("/metrics").text
        samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
        return sum(
            s.value for s in samples if s.name == f"onnxplain_{name}" and labels.items() <= s.labels.items()
        )

    def runners(self, worker: int = 0) -> list[psutil.Process]:
        """Return the runners of a worker."""
        below = psutil.Process(self.workers[worker].pid).children(recursive=True)
        return [p for p in below if "workers.runner" in command_of(p) and "explain" in command_of(p)]

    def children(self, worker: int = 0) -> list[psutil.Process]:
        """Return the processes that supervise runners."""
        below = psutil.Process(self.workers[worker].pid).children()
        return [p for p in below if "workers.worker" in command_of(p)]


def command_of(process: psutil.Process) -> str:
    """Return how a process was started, or nothing if it has gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def end(process: subprocess.Popen[bytes], seconds: float = 20.0) -> None:
    """Wait for a process that was told to end, and kill it if it does not."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
