from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from reference.patience import PATIENCE

import explainers
from explainers.types import Explanation
from workers.records import Submission

ITEMS = 60
X = np.random.default_rng(1).normal(size=(ITEMS, 64)).astype("f4")


@pytest.fixture(scope="module")
def stack(make_stack):
    """One slot, and chunks of about half a second."""
    return make_stack(slots=1, chunk_seconds=0.5, drain_seconds=1.0)


@pytest.fixture(scope="module")
def model(stack, make_mlp):
    return stack.add_model(make_mlp(64, 4096))


@pytest.fixture(scope="module")
def whole(make_mlp):
    """What the engine gives for the items, all at once."""
    found = explainers.explain(explainers.load(make_mlp(64, 4096)), {"input": X}, "occlusion", threads=1)
    return found.arrays["attribution.input"]


@pytest.fixture
def begun(stack, model):
    """Starts a job that takes some seconds and waits until one of its chunks is being run."""

    def go(seed: int, repeat: int = 1) -> str:
        inputs = {"input": np.concatenate([X] * repeat)}
        job, _ = stack.service.submit("default", Submission(model, "occlusion", inputs=inputs, seed=seed))
        stack.until(lambda: stack.service.job("default", job.id).state == "running", 20)
        return job.id

    return go


def finished(stack, job: str):
    ended = stack.service.wait("default", job, 60)
    assert ended.state == "succeeded", (ended, Path(stack.log.name).read_text()[-3000:])
    return Explanation.load(stack.service.result("default", job).npz)


def runners(stack) -> list[psutil.Process]:
    return [
        p
        for p in psutil.Process(stack.worker.pid).children(recursive=True)
        if "workers.runner" in p.cmdline()
    ]


def child(stack) -> psutil.Process:
    return next(p for p in psutil.Process(stack.worker.pid).children() if "workers.worker" in p.cmdline())


def once(stack, job: str) -> None:
    """Every item is in exactly one chunk that counts, and the job ended once."""
    from workers.tables import Chunk

    with stack.service._database.read() as session:
        done = session.query(Chunk).filter_by(job=job, state="succeeded").order_by(Chunk.start).all()
        items = [i for c in done for i in range(c.start, c.stop)]
    assert items == list(range(len(items)))
    states = [e.data["state"] for e in stack.service.events("default", job) if e.kind == "state"]
    assert states == ["queued", "running", "succeeded"]


@pytest.mark.parametrize("victim", [child, lambda stack: runners(stack)[0]], ids=["worker child", "runner"])
def test_a_killed_process_costs_one_chunk_and_the_job_succeeds_once(stack, begun, victim, whole):
    job = begun(seed=hash(victim) % 1000, repeat=20)
    process = stack.until(lambda: psutil.pid_exists(victim(stack).pid) and victim(stack), 10)
    process.send_signal(signal.SIGKILL)
    got = finished(stack, job)
    once(stack, job)
    assert stack.service.job("default", job).attempt <= 2
    np.testing.assert_allclose(got.arrays["attribution.input"][:ITEMS], whole, rtol=1e-4, atol=1e-5)


def test_a_killed_worker_is_replaced_and_its_work_goes_on(stack, begun):
    job = begun(seed=11, repeat=20)
    os.kill(stack.worker.pid, signal.SIGKILL)
    stack.worker.wait()
    time.sleep(0.3)
    stack.start_worker()
    finished(stack, job)
    once(stack, job)
    assert stack.service.counts().counters["reconciled"]["dead_worker"] >= 1


def test_a_stopped_worker_gives_its_work_back_without_spending_an_attempt(stack, begun):
    job = begun(seed=12, repeat=40)
    stack.stop_worker()
    assert stack.worker.returncode == 0
    stack.start_worker()
    finished(stack, job)
    once(stack, job)
    assert stack.service.job("default", job).attempt == 1


def test_a_cancelled_job_stops_within_five_seconds_and_the_slot_is_free(stack, begun):
    job = begun(seed=13, repeat=100)
    began = time.monotonic()
    assert stack.service.cancel("default", job).state == "cancelled"
    other, _ = stack.service.submit(
        "default", Submission(stack.service.job("default", job).model, "gradient", inputs={"input": X})
    )
    stack.until(lambda: stack.service.job("default", other.id).state != "queued", 5)
    assert time.monotonic() - began < 5
    assert stack.service.wait("default", other.id, PATIENCE).state == "succeeded"
    assert stack.service.job("default", job).state == "cancelled"


def test_a_broker_that_lost_everything_is_filled_again(stack, begun, model):
    job = begun(seed=14, repeat=20)
    stack.broker.process.kill()
    stack.broker.process.wait()
    for file in (stack.settings.data / "broker").rglob("*.aof*"):
        file.unlink()
    other, _ = stack.service.submit("default", Submission(model, "gradient", inputs={"input": X}, seed=99))
    stack.broker.restart()
    finished(stack, job)
    finished(stack, other.id)
    once(stack, job)


def test_the_figures_tell_what_happened(stack):
    counted = stack.service.counts().counters
    assert counted["reconciled"]["dead_child"] >= 1
    assert counted["attempts"]["worker-crashed"] >= 2
    assert counted["sandbox_kills"]["worker-crashed"] >= 1
