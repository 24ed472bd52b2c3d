"""Processes killed at their worst moments: each job ends once, with the right result, and a counter says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from faults.work import slow_attributions, small_job


@pytest.fixture(scope="module")
def plant(build):
    return build()


@pytest.fixture(scope="module")
def right():
    return slow_attributions()


def ends_well(plant, job: str, right: np.ndarray) -> None:
    assert plant.wait(job)["state"] == "succeeded"
    got = plant.attributions(job)
    np.testing.assert_allclose(got, np.concatenate([right] * (len(got) // len(right))), rtol=1e-4, atol=1e-5)
    plant.check_once([job])


NOTICED = {
    "children": ("reconciled_total", {"kind": "dead_child"}),
    "runners": ("sandbox_kills_total", {"reason": "worker-crashed"}),
}


@pytest.mark.parametrize("victim", NOTICED)
def test_a_killed_child_or_runner_costs_one_chunk(plant, victim, right):
    name, labels = NOTICED[victim]
    before = plant.figure("job_attempts_total", outcome="worker-crashed")
    noticed = plant.figure(name, **labels)
    job = plant.submit_slow(seed=len(victim))
    for process in plant.until(getattr(plant, victim), 10):
        process.kill()
    plant.good_job(seed=100 + len(victim))
    ends_well(plant, job, right)
    assert plant.job(job)["attempt"] <= 2
    assert plant.figure("job_attempts_total", outcome="worker-crashed") > before
    assert plant.figure(name, **labels) > noticed


def test_a_killed_worker_is_replaced_and_its_work_put_back(plant, right):
    job = plant.submit_slow(seed=3)
    plant.workers[0].kill()
    plant.workers[0].wait()
    plant.revive()
    plant.good_job(seed=103)
    ends_well(plant, job, right)
    assert plant.figure("reconciled_total", kind="dead_worker") >= 1


def test_a_message_that_was_popped_and_never_recorded_is_sent_again(plant):
    before = plant.figure("reconciled_total", kind="republished")
    plant.proxy.trap(b"onnxplain.explain_chunk")
    job = plant.submit_small(seed=4)
    assert plant.proxy.caught.wait(20)
    plant.workers[0].kill()
    plant.workers[0].wait()
    plant.revive()
    plant.good_job(seed=104)
    plant.check_done({job: 4})
    assert plant.figure("reconciled_total", kind="republished") > before


def test_a_web_server_killed_between_commit_and_publishing_loses_nothing(plant):
    before = plant.figure("reconciled_total", kind="republished")
    # a broker that cannot be reached holds the publishing thread just there
    plant.proxy.cut()
    body = small_job(plant.small, 5)
    answer = plant.post(body, "key-5")
    assert answer.status_code == 202
    plant.kill_web()
    plant.proxy.mend()
    plant.revive()
    job = answer.json()["id"]
    assert plant.submit(body, "key-5") == job
    plant.good_job(seed=105)
    plant.check_done({job: 5})
    assert plant.figure("reconciled_total", kind="republished") > before


def stop_worker(plant, **changes: float) -> bool:
    """Tell the worker to stop, start its successor, and say whether a chunk was given back."""
    before = plant.figure("job_attempts_total", outcome="given_back")
    plant.workers[0].terminate()
    assert plant.workers[0].wait(30) == 0
    plant.workers[0] = plant.start_worker(**changes)
    plant.until(lambda: plant.figure("worker_slots") == 1, 30)
    return plant.figure("job_attempts_total", outcome="given_back") > before


def test_a_worker_told_to_stop_under_load_gives_back_what_it_holds(plant, right):
    # its successors wait for no chunk to end
    stop_worker(plant, drain_seconds=0.01)
    job = plant.submit_slow(seed=6, repeat=24)
    # a chunk may just have ended
    assert any(stop_worker(plant, drain_seconds=0.01) for _ in range(5))
    plant.good_job(seed=106)
    ends_well(plant, job, right)
    assert plant.job(job)["attempt"] == 1


def test_what_was_killed_leaves_no_folder_behind(plant):
    plant.submit_slow(seed=8)
    # its runner may be warm, or about to start: either way nobody cleans up
    plant.workers[0].kill()
    plant.workers[0].wait()
    plant.kill_web()
    plant.revive()
    plant.good_job(seed=108)
    left = plant.until(lambda: len(found := sorted(plant.temp.iterdir())) == 1 and found, 20)
    assert left[0].name.startswith("onnxplain-worker-")
    plant.until(lambda: not list(left[0].glob("onnxplain-runner-*")), 20)
    stop_worker(plant)
    assert not left[0].exists()
    # whoever removes it earlier has Celery complain at its end
    assert "FileNotFoundError" not in Path(plant.log.name).read_text()


def test_nobody_knows_more_jobs_than_were_accepted(plant):
    assert plant.jobs() == {"all": len(plant.accepted), "open": 0}
