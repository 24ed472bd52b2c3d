"""Models that bring their runner down, among good ones, on three workers."""

from __future__ import annotations

import pytest
from faults.work import greedy_job


@pytest.fixture(scope="module")
def plant(build):
    return build(workers=3, runner_memory=600 << 20)


def test_poisoned_jobs_end_dead_and_the_good_ones_among_them_do_not_suffer(plant):
    greedy = plant.add_greedy()
    jobs, poisoned = {}, []
    for i in range(3):
        poisoned.append(plant.submit(greedy_job(greedy, i)))
        jobs[plant.submit_small(i)] = i
    plant.good_job(100)
    plant.check_done(jobs)
    for job in poisoned:
        ended = plant.wait(job, 120)
        assert (ended["state"], ended["dead_letter"], ended["error"]["code"]) == (
            "failed",
            True,
            "resource-limit",
        )
    plant.check_once(poisoned)
    assert plant.figure("sandbox_kills_total", reason="resource-limit") >= 2 * len(poisoned)
    assert all(w.poll() is None for w in plant.workers)
