"""Every figure of /metrics that a good day moves; those of bad days are held by the tests of what goes wrong."""

from __future__ import annotations

import pytest
from faults.work import small_job

GOOD_DAY = {
    "accepted_total": {"method": "gradient"},
    "cache_hits_total": {"method": "gradient"},
    "chunks": {"state": "succeeded"},
    "job_attempts_total": {"outcome": "succeeded"},
    "job_explain_seconds_total": {"method": "gradient"},
    "job_load_seconds_total": {"method": "gradient"},
    "job_queue_seconds_total": {"method": "gradient"},
    "job_store_seconds_total": {"method": "gradient"},
    "jobs": {"state": "succeeded"},
    "jobs_ended_total": {"state": "succeeded"},
    "model_evals_total": {},
}


@pytest.fixture(scope="module")
def plant(build):
    return build()


@pytest.fixture(scope="module")
def moved(plant):
    """By how much each figure moved over a job, and over the same asked for again."""

    def read() -> dict[str, float]:
        return {name: plant.figure(name, **labels) for name, labels in GOOD_DAY.items()}

    before = read()
    for _ in range(2):
        assert plant.wait(plant.submit(small_job(plant.small, 1)))["state"] == "succeeded"
    after = read()
    return {name: after[name] - before[name] for name in GOOD_DAY}


@pytest.mark.parametrize("name", GOOD_DAY)
def test_a_figure_moves_when_its_thing_happens(moved, name):
    assert moved[name] > 0


def test_the_slots_of_workers_that_consume_are_shown(plant):
    assert plant.figure("worker_slots", queue="cpu") == 1
