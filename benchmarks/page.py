"""The page: from the request of the list of jobs to its first paint and to its rows, with 1,000 jobs in the ledger."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from api.cli import web
from api.listening import listen
from workers import submission
from workers.blobs import open_blobs
from workers.errors import TimeLimit
from workers.keys import LOCAL_TENANT
from workers.ledger import jobs
from workers.ledger.accept import accept
from workers.ledger.database import Database
from workers.records import Submission
from workers.service import Service
from workers.settings import Settings

JOBS = 1000
METHODS = ("gradient", "lrp", "occlusion")
FAILED_EACH = 5
DIGITS = Path(__file__).parents[1] / "examples" / "digits" / "digits.onnx"
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


def rows(_threads: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield the medians over rounds, each in a browser context without a cache."""
    program = shutil.which("chromium")
    if program is None:
        yield {"what": "the list of jobs", "note": "not measured: chromium is not installed"}
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder), redis_url="redis://127.0.0.1:1/0")
        fill(settings, {"digits": DIGITS})
        with served(settings) as url:
            paints, lists = zip(*list(_visits(program, url, rounds))[1:], strict=True)
    for what, found in (("first paint", paints), ("50 rows shown", lists)):
        yield {"what": what, "jobs": JOBS, "seconds": statistics.median(found), "slowest": max(found)}


def fill(settings: Settings, models: Mapping[str, Path]) -> None:
    """Put 1,000 ended jobs into the ledger, by three methods on models that take one (1, 8, 8) digit; one in five failed."""
    service = Service.open(settings)
    known = [service.add_model(LOCAL_TENANT, path, {}, None, name)[0] for name, path in models.items()]
    service.close()
    database, blobs = Database(settings.ledger_url), open_blobs(settings.blobs, settings.blob_url)
    inputs = {"input": np.zeros((1, 1, 8, 8), np.float32)}
    why = TimeLimit("the item took more than 60 s; use fewer samples").to_json()
    with database.write() as session:
        for seed in range(JOBS):
            model = known[seed % len(known)]
            asked = Submission(model.id, METHODS[seed % len(METHODS)], seed=seed, inputs=inputs)
            job = submission.prepare(model, asked, None, blobs, settings, {})
            accept(session, job, None, "", cache=False)
            if seed % FAILED_EACH:
                jobs.cancel(session, job)
            else:
                jobs.fail(session, job, why)
    database.close()


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Run the web server as the service runs it, and yield its address; no broker, no worker."""
    with listen("127.0.0.1", 0) as listener:
        part = web(listener)
        server = subprocess.Popen(
            part.command,
            env={**os.environ, **settings.environment()},
            pass_fds=part.descriptors,
            cwd=Path(__file__).parents[1],
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.terminate()
            server.wait(20)


def _visits(program: str, url: str, rounds: int) -> Iterator[tuple[float, float]]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for _ in range(rounds + 1):
            page = browser.new_page()
            page.goto(f"{url}/#/jobs")
            page.wait_for_selector("tr[data-job]:nth-child(50)")
            shown = page.evaluate("() => performance.now()")
            page.wait_for_function(f"() => ({PAINTED})() > 0")
            yield page.evaluate(PAINTED) / 1000, shown / 1000
            page.close()
        browser.close()
