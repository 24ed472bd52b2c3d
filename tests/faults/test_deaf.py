"""A worker that is connected and takes no call, as Celery's were known to: it notices, connects anew, or ends and is replaced."""

from __future__ import annotations

import sys

import pytest
from faults.plant import end
from reference.patience import PATIENCE

BEGIN = "from workers.worker import main\n"
# one slot, one acknowledgement that fails and never gives it back
LOSES_ITS_SLOT = """
from kombu.transport import virtual
right, failed = virtual.QoS.ack, []
def ack(self, tag):
    if not failed:
        failed.append(tag)
        raise ConnectionError("an acknowledgement that the broker did not take")
    right(self, tag)
virtual.QoS.ack = ack
"""
NEVER_TAKES = """
from kombu.transport import virtual
virtual.QoS.can_consume = lambda self: False
"""


@pytest.fixture(scope="module")
def plant(build):
    return build(deaf_seconds=10.0)


def replace_worker(plant, fault: str) -> None:
    plant.workers[0].terminate()
    end(plant.workers[0])
    plant.workers = [plant.start([sys.executable, "-P", "-c", f"{BEGIN}{fault}\nmain()"])]


def test_a_worker_that_lost_its_slot_connects_anew(plant):
    replace_worker(plant, LOSES_ITS_SLOT)
    plant.check_done({plant.submit_small(i): i for i in range(3)})
    plant.good_job(10)
    assert plant.workers[0].poll() is None
    assert plant.figure("reconciled_total", kind="deaf") == 1


def test_a_worker_that_stays_deaf_ends_and_its_successor_works(plant):
    before = plant.figure("reconciled_total", kind="deaf")
    replace_worker(plant, NEVER_TAKES)
    job = plant.submit_small(20)
    assert plant.workers[0].wait(PATIENCE) == 0
    assert plant.figure("reconciled_total", kind="deaf") == before + 2
    plant.revive()
    plant.check_done({job: 20})
    plant.good_job(21)
    assert plant.figure("reconciled_total", kind="deaf") == before + 2
