"""A service that is sent nothing but bad things, and must stay what it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import psutil
import pytest
from reference.hostile_models import plain

INSIDE = re.compile(r"Traceback|\.py\b|/tmp|/usr|/home|/root|site-packages|0x[0-9a-f]{6,}")
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


# of the package: the service is shared with tests elsewhere, which upload what is large on purpose
@pytest.fixture(scope="package", autouse=True)
def _grows_by_little(request) -> Iterator[None]:
    """Hold the memory of worker and web processes over the whole suite to what it was at its start, and 50 MB."""
    stack = request.getfixturevalue("service_stack")
    request.getfixturevalue("web").get("/v1/methods")
    before = _resident(stack)
    yield
    grown = {kind: size - before[kind] for kind, size in _resident(stack).items()}
    assert max(grown.values()) < 50 << 20, grown


def _resident(stack) -> dict[str, int]:
    """Return the bytes that the processes which never open a model hold, by kind."""
    own = psutil.Process().children()
    web = [p for parent in own if "gunicorn" in " ".join(parent.cmdline()) for p in (parent, *_kept(parent))]
    worker = psutil.Process(stack.worker.pid)
    groups = {"web": web, "worker": [worker, *_kept(worker)]}
    assert groups["web"]
    return {kind: sum(p.memory_info().rss for p in processes) for kind, processes in groups.items()}


def _kept(parent: psutil.Process) -> list[psutil.Process]:
    return [p for p in parent.children() if "workers.runner" not in " ".join(p.cmdline())]
