"""Every figure of /metrics that a good day moves; those of bad days are held by the tests of what goes wrong."""

from __future__ import annotations

import pytest
from faults.work import small_job
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

GOOD_DAY = {
    "accepted_total": {"method": "gradient"},
    "cache_hits_total": {"method": "gradient"},
    "chunks": {"state": "succeeded"},
    "job_attempts_total": {"outcome": "succeeded"},
    "job_explain_seconds_total": {"method": "gradient", "device": "cpu"},
    "job_load_seconds_total": {"method": "gradient", "device": "cpu"},
    "job_queue_seconds_total": {"method": "gradient", "device": "cpu"},
    "job_store_seconds_total": {"method": "gradient", "device": "cpu"},
    "jobs": {"state": "succeeded"},
    "jobs_ended_total": {"state": "succeeded"},
    "model_evals_total": {},
    "result_approximation_error_bucket": {"method": "integrated_gradients", "le": "+Inf"},
}
# families and labels of what operators are promised
PROMISED = {
    "duplicate_deliveries": set(),
    "gpu_memory_bytes": {"gpu", "state"},
    "job_attempts": {"outcome"},
    "job_explain_seconds": {"method", "device"},
    "job_load_seconds": {"method", "device"},
    "job_queue_seconds": {"method", "device"},
    "job_store_seconds": {"method", "device"},
    "jobs": {"state"},
    "model_evals": set(),
    "reconciled": {"kind"},
    "result_approximation_error": {"method", "le"},
    "sandbox_kills": {"reason"},
}


@pytest.fixture(scope="module")
def plant(build):
    return build()


def families(plant) -> dict[str, Metric]:
    found = text_string_to_metric_families(plant.get("/metrics").text)
    return {f.name.removeprefix("onnxplain_"): f for f in found}


@pytest.fixture(scope="module")
def at_first(plant):
    """The families that are there before anything happened."""
    return families(plant)


@pytest.fixture(scope="module")
def moved(plant, at_first):
    """By how much each figure moved over a job, and over the same asked for again."""

    def read() -> dict[str, float]:
        return {name: plant.figure(name, **labels) for name, labels in GOOD_DAY.items()}

    before = read()
    for _ in range(2):
        assert plant.wait(plant.submit(small_job(plant.small, 1)))["state"] == "succeeded"
    whole = small_job(plant.small, 1) | {"method": "integrated_gradients", "params": {"steps": 2}}
    assert plant.wait(plant.submit(whole))["state"] == "succeeded"
    after = read()
    return {name: after[name] - before[name] for name in GOOD_DAY}


@pytest.mark.parametrize("name", GOOD_DAY)
def test_a_figure_moves_when_its_thing_happens(moved, name):
    assert moved[name] > 0


def test_every_promised_figure_is_there_before_anything_moves_it(at_first):
    assert PROMISED.keys() <= at_first.keys()


@pytest.mark.usefixtures("moved")
def test_a_figure_has_the_promised_labels(plant):
    found = {
        name: {label for sample in family.samples for label in sample.labels}
        for name, family in families(plant).items()
        if family.samples
    }
    assert {n: labels for n, labels in found.items() if labels != PROMISED.get(n, labels)} == {}


def test_the_errors_of_items_are_told_by_bounds_that_hold_those_below(plant, moved):
    found = [
        s for s in families(plant)["result_approximation_error"].samples if s.labels["method"] == "integrated_gradients"
    ]  # fmt: skip
    numbers = [s.value for s in found]
    assert numbers == sorted(numbers)
    # two items; a path of two points misses what a network of corners does between them
    assert numbers[-1] == moved["result_approximation_error_bucket"] == 2


def test_the_slots_of_workers_that_consume_are_shown(plant):
    assert plant.figure("worker_slots", queue="cpu") == 1
