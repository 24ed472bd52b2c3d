"""A network that is away for longer than every timeout towards the broker: what ran and what was accepted ends once."""

from __future__ import annotations

import time

import numpy as np
import pytest
from faults.work import slow_attributions

# longer than the 30 s after which a socket to the broker is given up, and the 25 s after which one is tried
SECONDS = 35


@pytest.fixture(scope="module")
def plant(build):
    return build()


def test_half_a_minute_without_a_network_costs_no_job(plant):
    running = plant.submit_slow(seed=1, repeat=12)
    plant.proxy.cut()
    cut = time.monotonic()
    jobs = {plant.submit_small(10 + i): 10 + i for i in range(5)}
    time.sleep(max(0.0, SECONDS - (time.monotonic() - cut)))
    assert plant.jobs()["open"] == 6
    assert not plant.ready()["broker"]
    plant.proxy.mend()
    plant.good_job(20)
    plant.check_done(jobs)
    assert plant.wait(running)["state"] == "succeeded"
    got = plant.attributions(running)
    np.testing.assert_allclose(got, np.concatenate([slow_attributions()] * 12), rtol=1e-4, atol=1e-5)
    plant.check_once([running])
    assert plant.jobs() == {"all": len(plant.accepted), "open": 0}
