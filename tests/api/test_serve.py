"""onnxplain serve: everything in one command, stopped by Ctrl-C, mended when parts die, continued by the next start."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from reference.patience import PATIENCE

from api.cli import without_password
from explainers.client import Client
from workers.keys import Keys
from workers.ledger.schema import ledger
from workers.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "digits" / "digits.onnx"
SERVE = [sys.executable, "-c", "from explainers.cli import main; main()", "serve"]


class Serving:
    """A running `onnxplain serve`, in a process group of its own as in a terminal."""

    def __init__(self, data: Path, *options: str) -> None:
        command = [*SERVE, "--data", str(data), "--port", "0", "--workers", "1", *options]
        self.log = (data.parent / "serve.log").open("ab+")
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=self.log, text=True, start_new_session=True
        )
        self.lines: list[str] = []
        while not self.lines or not self.lines[-1].startswith("ready"):
            line = self.process.stdout.readline()
            assert line, (self.lines, Path(self.log.name).read_text()[-3000:])
            self.lines.append(line.strip())
        self.url = re.search(r"http://[\d.]+:\d+", self.lines[-1])[0]

    def children(self) -> dict[str, psutil.Process]:
        below = psutil.Process(self.process.pid).children()
        names = {
            "gunicorn": "api",
            "workers.worker": "worker",
            "valkey-server": "broker",
            "redis-server": "broker",
        }
        return {part: p for p in below for word, part in names.items() if word in " ".join(p.cmdline())}

    def interrupt(self) -> int:
        """Press Ctrl-C: the whole group hears it."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., Serving]]:
    running: list[Serving] = []

    def start(*options: str) -> Serving:
        running.append(Serving(tmp_path / "data", *options))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.interrupt()
        one.process.stdout.close()
        one.log.close()


def test_one_line_for_each_part_and_the_address(serve, tmp_path):
    lines = serve().lines
    parts = {line.split()[0]: line for line in lines}
    assert list(parts) == ["onnxplain", "data", "broker", "worker", "API", "ready"]
    assert str(tmp_path / "data") in parts["data"]
    assert re.search(r"http://127\.0\.0\.1:[1-9]\d*$", parts["API"])


def test_ctrl_c_stops_everything_and_leaves_nothing(serve):
    running = serve()
    everything = psutil.Process(running.process.pid).children(recursive=True)
    assert len(everything) >= 4
    start = time.monotonic()
    assert running.interrupt() == 0
    assert time.monotonic() - start < 15
    assert [p for p in everything if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert "Traceback" not in Path(running.log.name).read_text()


def test_what_dies_is_started_again(serve):
    running = serve()
    with Client(running.url) as client:
        model = client.upload_model(MODEL)["id"]
        for part in ("api", "worker", "broker"):
            running.children()[part].kill()
            job = client.submit(model, "gradient", {"input": digits(2)}, seed=hash(part) % 1000)
            assert wait(running.url, job["id"], PATIENCE) == "succeeded", part


def test_the_next_start_continues(serve):
    first = serve()
    with Client(first.url) as client:
        model = client.upload_model(MODEL)["id"]
        job = client.submit(model, "occlusion", {"input": digits(3_000)}, params={"window": 1})["id"]
        until(lambda: client.job(job)["progress"]["done"] > 0, PATIENCE)
    first.interrupt()
    second = serve()
    assert httpx.get(f"{second.url}/v1/jobs/{job}", timeout=PATIENCE).json()["state"] in ("queued", "running")
    assert wait(second.url, job, PATIENCE) == "succeeded"
    with Client(second.url) as client:
        assert client.result(job).attributions["input"].shape == (3_000, 1, 8, 8)
        assert client.job(job)["progress"]["done"] == 3_000


def test_a_folder_belongs_to_one_service(serve, tmp_path):
    serve()
    done = refused("--data", str(tmp_path / "data"), "--port", "0")
    assert done.returncode == 1
    assert "another folder" in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "203.0.113.7", "no.such.host.invalid"])
def test_other_machines_are_kept_out(host, tmp_path):
    done = refused("--data", str(tmp_path), "--port", "0", "--host", host)
    assert done.returncode == 2
    assert host in done.stderr
    assert "Traceback" not in done.stderr


def test_with_a_key_it_listens_where_it_is_told_and_asks_for_the_key(tmp_path):
    data = tmp_path / "data"
    with ledger(Settings(data=data)) as database:
        _, key = Keys(database).create("acme", "", ["read", "submit", "models"])
    running = Serving(data, "--host", "0.0.0.0")
    try:
        assert httpx.get(f"{running.url}/v1/jobs").status_code == 401
        with Client(running.url, key) as client:
            job = client.submit(client.upload_model(MODEL)["id"], "gradient", {"input": digits(2)})["id"]
            assert client.wait(job)["state"] == "succeeded"
    finally:
        running.interrupt()
        running.process.stdout.close()
        running.log.close()


def test_a_taken_port_is_said(serve, tmp_path):
    port = serve().url.rpartition(":")[2]
    done = refused("--data", str(tmp_path / "other"), "--port", port)
    assert done.returncode == 2
    assert "--port" in done.stderr


def refused(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SERVE, *options], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def digits(count: int) -> np.ndarray:
    with np.load(MODEL.parent / "heldout.npz") as held:
        return np.resize(held["input"], (count, 1, 8, 8))


def until(true: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def wait(url: str, job: str, seconds: float) -> str:
    """Ask for a job's state until it has ended, whatever dies meanwhile."""
    end, state = time.monotonic() + seconds, ""
    while state not in ("succeeded", "partially_succeeded", "failed", "cancelled") and time.monotonic() < end:
        try:
            state = httpx.get(f"{url}/v1/jobs/{job}", timeout=PATIENCE).json().get("state", "")
        except (httpx.HTTPError, json.JSONDecodeError):
            state = ""
        time.sleep(0.05)
    return state


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@broker:6379/0", "redis://broker:6379/0"), ("rediss://me:secret@h/1?x=secret", "rediss://h/1"),
        ("unix:///tmp/o/broker.sock?db=0", "unix:///tmp/o/broker.sock"), ("redis://:p@ss@h:1/0", "redis://h:1/0"),
    ],
)  # fmt: skip
def test_the_brokers_password_is_not_written_where_logs_are_kept(url, shown):
    assert without_password(url) == shown
