"""A real Chromium on the real service; every page is watched for errors and for requests that leave the host."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from reference import page_models
from reference.page_visit import Visit

from benchmarks.page import served
from workers.keys import Keys
from workers.ledger.schema import ledger
from workers.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples" / "digits"


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Debian's Chromium; nothing is downloaded."""
    if not os.environ.get("ONNXPLAIN_TEST_ALL"):
        pytest.skip("a browser is started where ONNXPLAIN_TEST_ALL=1 alone")
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    assert program, "chromium is not installed"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def visit(browser, url) -> Iterator[Visit]:
    """A reader of the page, who at the end has seen no error."""
    visiting = Visit(browser, url)
    yield visiting
    visiting.close()
    assert visiting.errors == []
    assert visiting.elsewhere == []


@pytest.fixture(scope="session")
def http(url) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def digits(http) -> dict[str, str]:
    """Ids of the digit model and of its data set in the service."""
    files = {
        "model": (DIGITS / "digits.onnx").read_bytes(),
        "card": ("card.json", (DIGITS / "digits.card.json").read_bytes(), "application/json"),
    }
    model = http.post("/v1/models?name=digits", files=files).json()["id"]
    held = {"file": ("heldout.npz", (DIGITS / "heldout.npz").read_bytes())}
    return {"model": model, "dataset": http.post("/v1/datasets", files=held).json()["id"]}


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    """A folder with models, cards and inputs as a reader would have them."""
    return page_models.write(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="session")
def guarded(tmp_path_factory) -> Iterator[tuple[str, str]]:
    """Address of a service that asks for a key, and a key."""
    data = tmp_path_factory.mktemp("guarded")
    settings = Settings(data=data, redis_url="redis://127.0.0.1:1/0")
    with ledger(settings) as database:
        _, key = Keys(database).create("acme", "", ["read", "submit", "models"])
    with served(settings) as address:
        yield address, key
