"""A supervisor that stood still while its runner worked comes back with a result for a chunk that another has by now."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil
import pytest
from faults.plant import end
from faults.work import slow_attributions, slow_job
from sqlalchemy import select

from workers.tables import Chunk

REPEAT = 40
IDLE_SECONDS = 2.0


@pytest.fixture(scope="module")
def plant(build):
    # so long that the whole job is one chunk
    # no attempt too many splits the chunk on a machine where leases run out by themselves
    return build(chunk_seconds=600.0, split_attempts=10, max_attempts=10)


@pytest.fixture(scope="module")
def right():
    return np.concatenate([slow_attributions()] * REPEAT)


@contextmanager
def another_worker(plant) -> Iterator[int]:
    """Start a second worker whose own lease outlasts the test, and give its place among the workers."""
    plant.workers.append(plant.start_worker(lease_seconds=120.0))
    try:
        yield len(plant.workers) - 1
    finally:
        worker = plant.workers.pop()
        worker.terminate()
        end(worker)


def is_running(plant, job: str) -> bool:
    return plant.job(job)["state"] == "running"


def held_by(plant, job: str) -> int | None:
    """Return which worker holds the job's only chunk, once its runner has told how far it is."""
    with plant.ledger.read() as session:
        chunk = session.scalars(select(Chunk).where(Chunk.job == job)).one_or_none()
        if chunk is None or chunk.state != "running" or not chunk.done:
            return None
        name = (chunk.worker or "").split("-")
    return next(i for i, w in enumerate(plant.workers) if str(w.pid) in name)


def freeze(plant, job: str, worker: int) -> psutil.Process:
    """Stop the child that supervises the job's chunk at a worker, and nothing else of it."""
    plant.until(lambda: held_by(plant, job) == worker, 60)
    (child,) = plant.children(worker)
    child.send_signal(signal.SIGSTOP)
    assert held_by(plant, job) == worker
    return child


def wait_for_its_result(plant, worker: int) -> None:
    """Wait until the runner of a frozen supervisor has nothing left to compute: its result lies in the pipe."""
    (runner,) = plant.runners(worker)
    seen: list[Any] = []

    def idle() -> bool:
        seen.append(runner.cpu_times()[:2])
        return len(seen) > IDLE_SECONDS / 0.02 and len(set(seen[-int(IDLE_SECONDS / 0.02) :])) == 1

    plant.until(idle, 90)


def lost(plant) -> float:
    return plant.figure("job_attempts_total", outcome="lost")


def check(plant, job: str, right: np.ndarray, before: float) -> None:
    assert plant.wait(job)["state"] == "succeeded"
    np.testing.assert_allclose(plant.attributions(job), right, rtol=1e-4, atol=1e-5)
    plant.check_once([job])
    assert lost(plant) == before + 1


def test_a_late_result_is_refused_while_another_holds_the_chunk(plant, right):
    before, job = lost(plant), plant.submit(slow_job(plant.slow, 1, REPEAT))
    late = freeze(plant, job, 0)
    with another_worker(plant) as other:
        holder = freeze(plant, job, other)
        wait_for_its_result(plant, 0)
        late.send_signal(signal.SIGCONT)
        plant.until(lambda: lost(plant) > before or not is_running(plant, job), 60)
        # refused by its fence alone: the chunk runs, and only whose it is speaks against the result
        assert held_by(plant, job) == other
        holder.send_signal(signal.SIGCONT)
        check(plant, job, right, before)


def test_a_late_result_is_refused_when_another_has_finished_the_chunk(plant, right):
    before, job = lost(plant), plant.submit(slow_job(plant.slow, 2, REPEAT))
    late = freeze(plant, job, 0)
    with another_worker(plant):
        assert plant.wait(job, 90)["state"] == "succeeded"
        found = plant.job(job), plant.get(f"/v1/jobs/{job}/result").text
        wait_for_its_result(plant, 0)
        late.send_signal(signal.SIGCONT)
        plant.until(lambda: lost(plant) > before, 60)
        assert (plant.job(job), plant.get(f"/v1/jobs/{job}/result").text) == found
        check(plant, job, right, before)
    plant.good_job(3)
