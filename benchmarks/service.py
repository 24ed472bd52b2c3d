"""The service over HTTP: accepting a job with each state of the broker, a job's overhead, and the throughput of a batch."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from torch import nn

import explainers
from explainers import tensors
from explainers.types import Array
from workers.broker import Broker

from . import networks
from .timing import in_turn

POSTS = 200
SMALL_JOBS = 40
ITEMS = 1000
BODY = 100_000


class Service:
    """`onnxplain serve` on a broker of ours, and a client of it."""

    def __init__(self, folder: Path, broker: Broker, threads: int) -> None:
        command = [
            sys.executable,
            "-c",
            "from explainers.cli import main; main()",
            "serve",
            "--data",
            str(folder),
            "--port",
            "0",
        ]
        settings = {"REDIS_URL": broker.url, "THREADS": "1", "RESULT_CACHE": "false"}
        environment = os.environ | {f"ONNXPLAIN_{name}": value for name, value in settings.items()}
        self._process = subprocess.Popen(
            [*command, "--workers", str(threads)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout is not None
        said = next(line for line in self._process.stdout if line.startswith("ready"))
        self.http = httpx.Client(base_url=said.split()[1].rstrip("/"), timeout=600, trust_env=False)

    def stop(self) -> None:
        """End it."""
        self.http.close()
        self._process.send_signal(signal.SIGINT)
        self._process.communicate()

    def add(self, path: str, **given: Any) -> str:
        """Upload a model or a data set."""
        answer = self.http.post(f"/v1/{path}", **given)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def post(self, body: bytes, wait: int = 0) -> httpx.Response:
        """Post a job, and wait for its result if told to."""
        headers = {"Content-Type": "application/json"} | ({"Prefer": f"wait={wait}"} if wait else {})
        answer = self.http.post("/v1/jobs", content=body, headers=headers)
        answer.raise_for_status()
        return answer

    def finish(self, answer: httpx.Response) -> bytes:
        """Return the arrays of a job's result when it has ended."""
        where = answer.headers["Location"]
        # as the client of this project waits: whoever asks again and again takes the cores that explain
        with self.http.stream("GET", f"{where}/events") as events:
            said = [line for line in events.iter_lines() if line.startswith("data:")]
        assert json.loads(said[-1].removeprefix("data:"))["state"] == "succeeded", said[-1]
        return self.http.get(f"{where}/result.npz").content

    def idle(self) -> None:
        """Wait until no job is open."""
        while any(
            self.http.get("/v1/jobs", params={"state": s}).json()["jobs"] for s in ("queued", "running")
        ):
            time.sleep(0.1)


@contextmanager
def running(threads: int) -> Iterator[tuple[Service, Broker]]:
    """Start a broker and a service on it, each slot with one thread."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="oxp-bench-", ignore_cleanup_errors=True))
        )
        broker = Broker(folder / "broker")
        broker.start()
        stack.callback(broker.stop)
        service = Service(folder / "data", broker, threads)
        stack.callback(service.stop)
        yield service, broker


def rows(threads: int = 2, rounds: int = 3) -> Iterator[dict[str, Any]]:
    """Yield a row for each state of the broker, one for the overhead and one for the throughput."""
    with running(threads) as (service, broker):
        yield overhead(service)
        yield throughput(service, threads, rounds)
        yield from accepting(service, broker)


def row(what: str, median: float, tail: float | str, hold: str) -> dict[str, Any]:
    return {"what": what, "median": median, "p99": tail, "hold": hold}


def accepting(service: Service, broker: Broker) -> Iterator[dict[str, Any]]:
    """Yield how long a job with a body of 100 kB takes to be accepted while the broker is up, frozen and away."""
    model = service.add("models", content=exported(small(), (1, 64)), headers=OCTETS)
    assert broker.process is not None
    states: dict[str, Callable[[], object]] = {
        "up": lambda: None,
        "frozen": lambda: broker.process and broker.process.send_signal(signal.SIGSTOP),
        "away": broker.process.kill,
    }
    for state, bring in states.items():
        bring()
        bodies = [large_body(model, i) for i in range(POSTS)]
        seconds = [timed(partial(service.post, body)) for body in bodies]
        yield row(f"accept 100 kB, broker {state}, ms", *tail_of(seconds), "p99 < 50")
        if state == "frozen":
            broker.process.send_signal(signal.SIGCONT)
        if state != "away":
            service.idle()
    broker.process.wait()
    broker.restart()
    service.idle()


def large_body(model: str, seed: int) -> bytes:
    """Return a request of about 100 kB."""
    x = np.random.default_rng(seed).random((85, 64), np.float32)
    body = json.dumps(
        {"model": model, "method": "gradient", "inputs": tensors.encode({"input": x}), "seed": seed}
    )
    return body.ljust(BODY).encode()


def overhead(service: Service) -> dict[str, Any]:
    """Return how much longer a small job takes over HTTP than in this process, call by call."""
    proto = exported(small(), (1, 64))
    model, here = service.add("models", content=proto, headers=OCTETS), explainers.load(proto)
    x = np.random.default_rng(0).random((1, 64), np.float32)
    seeds = iter(range(1 << 30))
    body = {
        "model": model,
        "method": "gradient",
        "inputs": tensors.encode({"input": x}),
        "priority": "interactive",
    }

    def over_http() -> None:
        service.post(json.dumps(body | {"seed": next(seeds)}).encode(), wait=30)

    def in_process() -> None:
        explainers.explain(here, {"input": x}, "gradient", threads=1)

    for call in (over_http, in_process):
        for _ in range(5):
            call()
    more = [timed(over_http) - timed(in_process) for _ in range(SMALL_JOBS)]
    return row("a job over HTTP beyond one in-process, ms", *tail_of(more), "median <= 25")


def throughput(service: Service, threads: int, rounds: int) -> dict[str, Any]:
    """Return the throughput of a batch of 1,000 items over that of the same call in this process."""
    proto = exported(network(), (1, 3, 64, 64))
    model, here = service.add("models", content=proto, headers=OCTETS), explainers.load(proto)
    x = np.random.default_rng(0).random((ITEMS, 3, 64, 64), np.float32)
    file = io.BytesIO()
    np.save(file, x)
    dataset = service.add("datasets", files={"file": ("items.npy", file.getvalue())})
    seeds = iter(range(1 << 30))
    body = {"model": model, "method": "gradient", "inputs": {"dataset": dataset}, "target": 3}

    def over_http() -> None:
        service.finish(service.post(json.dumps(body | {"seed": next(seeds)}).encode()))

    def in_process() -> None:
        explainers.explain(here, {"input": x}, "gradient", target=3, threads=threads)

    taken = in_turn({"http": over_http, "here": in_process}, rounds)
    ratio = statistics.median(b / a for a, b in zip(taken["http"], taken["here"], strict=True))
    each = 1000 * statistics.median(taken["here"]) * threads / ITEMS
    return row(
        f"batch of {ITEMS} over HTTP / in-process ({each:.1f} ms an item and thread)", ratio, "", ">= 0.9"
    )


OCTETS = {"Content-Type": "application/octet-stream"}


def small() -> nn.Module:
    """A network whose explanation takes no time."""
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def network() -> nn.Module:
    """A network whose explanation takes some 10 ms an item on one thread."""
    widths = (3, 32, 64, 64, 64)
    blocks = [m for c, d in itertools.pairwise(widths) for m in (nn.Conv2d(c, d, 3, padding=1), nn.ReLU())]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def exported(module: nn.Module, shape: tuple[int, ...]) -> bytes:
    torch.manual_seed(0)
    return networks.to_onnx(module.eval(), torch.zeros(*shape))


def timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def tail_of(seconds: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile in milliseconds."""
    found: Array = np.array(seconds) * 1000
    return float(np.median(found)), float(np.quantile(found, 0.99))
