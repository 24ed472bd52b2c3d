"""Models that bring their runner down, among good ones, on three workers: `make poison` runs a thousand."""

from __future__ import annotations

import pytest
from faults.poison import LIMIT, check, holdings, poison
from reference.patience import PATIENCE

ROUNDS, EACH = 3, 3


@pytest.fixture(scope="module")
def plant(build):
    return build(workers=3, runner_memory=LIMIT)


def test_poisoned_jobs_end_dead_and_leave_nothing_in_the_workers(plant):
    # whoever starts after the first round would be growth
    plant.until(lambda: plant.figure("worker_slots") == 3, PATIENCE)
    greedy, dead, held = plant.add_greedy(), 0, []
    for number in range(ROUNDS):
        dead += len(poison(plant, greedy, number * EACH, EACH))
        held.append(holdings(plant))
    check(plant, dead, held)
