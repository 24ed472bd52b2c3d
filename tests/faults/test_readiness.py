"""What /readyz shows: that nobody consumes, and that models run in an open cage."""

from __future__ import annotations

import platform
import signal
import sys

import pytest
from faults.plant import end

from workers.runner import seccomp

# a worker on a kernel that has neither Landlock nor filters of system calls
OPEN = """
import ctypes, errno, os, platform, sys
from workers.runner import seccomp as s
refused = (444, s.SECCOMP[platform.machine()])
steps = [s.Step(s.LOAD, s.NUMBER)]
for number in refused:
    steps += [s.Step(s.EQUAL, number, 0, 1), s._no(errno.ENOSYS)]
steps.append(s.Step(s.RETURN, s.ALLOW))
s.no_new_privileges()
array = (s._Instruction * len(steps))(*(s._Instruction(x.code, x.yes, x.no, x.value) for x in steps))
whole = s._Program(len(steps), ctypes.cast(array, ctypes.POINTER(s._Instruction)))
assert s._libc.syscall(s.SECCOMP[platform.machine()], 1, 0, ctypes.byref(whole)) == 0
os.execv(sys.executable, [sys.executable, "-P", "-m", "workers.worker"])
"""


@pytest.fixture(scope="module")
def plant(build):
    return build()


def test_a_worker_that_does_not_consume_is_missed(plant):
    plant.until(lambda: plant.ready().get("cage") is not None, 30)
    assert plant.ready() | {"cage": True} == {
        "ready": True, "ledger": True, "broker": True, "worker": True, "cage": True, "reasons": [], "warnings": [],
    }  # fmt: skip
    plant.workers[0].send_signal(signal.SIGSTOP)
    plant.until(lambda: not plant.ready()["ready"], 30)
    assert (plant.ready()["worker"], plant.ready()["reasons"]) == (
        False,
        ["a consuming worker does not answer"],
    )
    assert plant.figure("worker_slots") == 0
    plant.workers[0].send_signal(signal.SIGCONT)
    plant.until(lambda: plant.ready()["ready"], 30)


@pytest.mark.skipif(
    platform.machine() not in seccomp.MACHINES, reason="no filter is written out for this processor"
)
def test_an_open_cage_is_seen(plant):
    plant.workers[0].terminate()
    end(plant.workers[0])
    plant.workers[0] = plant.start([sys.executable, "-P", "-c", OPEN])
    plant.until(lambda: plant.ready().get("cage") is False, 60)
    found = plant.ready()
    assert found["ready"]
    assert "files" in found["warnings"][0]
    plant.good_job(1)


def test_where_closed_cages_are_required_an_open_one_runs_nothing(plant):
    plant.workers[0].terminate()
    end(plant.workers[0])
    plant.kill_web()
    plant.settings = plant.settings.model_copy(update={"cage": "required"})
    plant.workers[0] = plant.start([sys.executable, "-P", "-c", OPEN])
    plant.revive()
    plant.until(lambda: plant.ready().get("cage") is False, 60)
    assert not plant.ready()["ready"]
    job = plant.submit_small(2)
    plant.until(lambda: plant.figure("job_attempts_total", outcome="postponed") >= 1, 60)
    plant.workers[0].terminate()
    end(plant.workers[0])
    plant.revive()
    plant.check_done({job: 2})
