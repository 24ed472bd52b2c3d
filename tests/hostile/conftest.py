"""A service that is sent nothing but bad things, and must stay what it was."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import psutil
import pytest
from reference.hostile_models import plain

INSIDE = re.compile(r"Traceback|\.py\b|/tmp|/usr|/home|/root|site-packages|0x[0-9a-f]{6,}")
ROUNDS = 3
"""How often the seconds after something bad are measured: a runner that rested too long meanwhile is nothing bad."""
BYTES = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="session")
def web(url) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def refused() -> Callable[..., dict]:
    """Checks that an answer is a problem document that tells nothing of the inside."""

    def check(answer: httpx.Response, *statuses: int) -> dict:
        assert answer.status_code in (statuses or (422,)), answer.text[:500]
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert len(answer.content) < 10_000
        said = {k: v for k, v in answer.json().items() if k not in ("instance", "type")}
        assert not [
            w for v in said.values() for w in INSIDE.findall(str(v)) if w not in answer.request.url.path
        ]
        return answer.json()

    return check


@pytest.fixture(scope="session")
def model(web) -> str:
    """Id of a small good model: y = x + w."""
    answer = web.post(
        "/v1/models",
        content=plain().SerializeToString(),
        headers={"Content-Type": "application/octet-stream"},
    )
    return answer.json()["id"]


@pytest.fixture(scope="session")
def good_after(web, model) -> Callable[[Callable[[], object]], None]:
    """Checks that a good job is done within five seconds of something bad."""

    def check(bad: Callable[[], object]) -> None:
        tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 0.5]}
        good = {"model": model, "method": "gradient", "inputs": [tensor]}

        def ask(seconds: int) -> httpx.Response:
            # a seed of its own: a result kept from before needs no runner, and tells nothing of one
            good["seed"] = time.time_ns() % 2**31
            return web.post("/v1/jobs", json=good, headers={"Prefer": f"wait={seconds}"})

        for _ in range(ROUNDS):
            # the runner of this tenant and model is started here if it rested too long; what follows the bad is measured
            while ask(60).status_code != 200:
                pass
            bad()
            if (answer := ask(5)).status_code == 200:
                break
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "succeeded"

    return check


@pytest.fixture(scope="session")
def grown() -> Counter[str]:
    """How much memory the processes took while something bad was sent, by kind."""
    return Counter()


# module by module: between two of them the same service may serve tests that upload what is large on purpose
@pytest.fixture(scope="module", autouse=True)
def _grows_by_little(service_stack, web, grown) -> Iterator[None]:
    """Hold the memory of worker and web processes over the whole suite to what it was at its start, and 50 MB."""
    web.get("/v1/methods")
    before = _resident(service_stack, web)
    yield
    for kind, size in _resident(service_stack, web).items():
        grown[kind] += size - before[kind]
    assert max(grown.values()) < 50 << 20, grown


def _resident(stack, client: httpx.Client) -> dict[str, int]:
    """Return the bytes that the processes which never open a model hold, by kind."""
    server, worker = _server(client.base_url.port), psutil.Process(stack.worker.pid)
    groups = {"web": [server, *_kept(server)], "worker": [worker, *_kept(worker)]}
    return {kind: sum(p.memory_info().rss for p in processes) for kind, processes in groups.items()}


def _server(port: int | None) -> psutil.Process:
    """Return the process of this test run that listens on a port."""
    own = psutil.Process().children()
    return next(
        p for p in own if any(c.laddr.port == port for c in p.net_connections() if c.status == "LISTEN")
    )


def _kept(parent: psutil.Process) -> list[psutil.Process]:
    return [p for p in parent.children() if "workers.runner" not in " ".join(p.cmdline())]
