"""Models that bring their runner down, among good ones, on three workers."""

from __future__ import annotations

import psutil
import pytest
from faults.plant import command_of
from faults.work import greedy_job

ROUNDS, EACH = 3, 3
# a runner that was not there before has its pipe, its process and what watches it
RUNNER = 8


@pytest.fixture(scope="module")
def plant(build):
    return build(workers=3, runner_memory=600 << 20)


def poison(plant, greedy: str, first: int) -> list[str]:
    """Run poisoned jobs with as many good ones among them, hold each to its end, and return the poisoned."""
    jobs, poisoned = {}, []
    for i in range(first, first + EACH):
        poisoned.append(plant.submit(greedy_job(greedy, i)))
        jobs[plant.submit_small(i)] = i
    plant.good_job(100 + first)
    plant.check_done(jobs)
    for job in poisoned:
        ended = plant.wait(job, 120)
        found = ended["state"], ended["dead_letter"], ended["error"]["code"]
        assert found == ("failed", True, "resource-limit")
    plant.check_once(poisoned)
    return poisoned


def holdings(plant) -> dict[str, int]:
    """Return what the workers hold: processes that run models, and open files and bytes of those that do not."""
    family = [p for w in plant.workers for p in (psutil.Process(w.pid), *psutil.Process(w.pid).children())]
    lasting = [p for p in family if "workers.worker" in command_of(p)]
    return {
        "runners": sum(len(plant.runners(i)) for i in range(len(plant.workers))),
        "files": sum(p.num_fds() for p in lasting),
        "bytes": sum(p.memory_info().rss for p in lasting),
    }


def test_poisoned_jobs_end_dead_and_leave_nothing_in_the_workers(plant):
    """A thousand would be a thousand times this: each costs its attempts in runners of its own, and nothing adds up."""
    greedy, held, dead = plant.add_greedy(), [], []
    for number in range(ROUNDS):
        dead += poison(plant, greedy, number * EACH)
        held.append(holdings(plant))
    assert plant.figure("sandbox_kills_total", reason="resource-limit") >= 2 * len(dead)
    assert all(w.poll() is None for w in plant.workers)
    assert all(now["runners"] <= len(plant.workers) for now in held)
    assert held[-1]["files"] <= held[0]["files"] + RUNNER * len(plant.workers)
    assert held[-1]["bytes"] <= held[0]["bytes"] + (20 << 20)
