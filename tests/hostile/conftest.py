"""A service that is sent nothing but bad things, and must stay what it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

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
