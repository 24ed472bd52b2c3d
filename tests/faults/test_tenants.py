"""Ten tenants, one of whom has a hundred thousand items to explain: the others do not wait for it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from faults.work import SLOW, SMALL
from reference.patience import PATIENCE
from sqlalchemy import func, select

from workers.keys import Keys
from workers.tables import Chunk

ITEMS = 100_000


@pytest.fixture(scope="module")
def plant(build):
    return build()


@pytest.fixture(scope="module")
def keys(plant):
    """A key for each of ten tenants; from the first on nobody comes in without one."""
    scopes = ["read", "submit", "models", "admin"]
    return [Keys(plant.ledger).create(f"tenant-{i}", "", scopes)[1] for i in range(10)]


@pytest.fixture
def as_tenant(plant, keys):
    """Acts as one of the tenants from now on."""

    def go(number: int) -> None:
        plant.http.headers["Authorization"] = f"Bearer {keys[number]}"

    return go


def big_batch(plant) -> str:
    model, file = plant.add_model(SLOW.bytes()), io.BytesIO()
    np.save(file, np.random.default_rng(0).normal(size=(ITEMS, 64)).astype("f4"))
    answer = plant.http.post("/v1/datasets", files={"file": ("many.npy", file.getvalue())}, timeout=60)
    assert answer.status_code == 201, answer.text
    body = {
        "model": model,
        "method": "occlusion",
        "inputs": {"dataset": answer.json()["id"]},
        "priority": "batch",
    }
    return plant.submit(body)


def parts_done(plant, job: str) -> int:
    with plant.ledger.read() as session:
        done = select(func.count()).where(Chunk.job == job, Chunk.state == "succeeded")
        return session.scalars(done).one()


def test_an_urgent_job_and_small_ones_pass_a_batch_of_a_hundred_thousand_items(
    plant, as_tenant, record_property
):
    as_tenant(0)
    batch = big_batch(plant)
    plant.until(lambda: parts_done(plant, batch) >= 2, PATIENCE)
    small = {}
    for number in range(1, 9):
        as_tenant(number)
        plant.small = plant.add_model(SMALL.bytes())
        small[number] = plant.submit_small(number)
    as_tenant(9)
    plant.small = plant.add_model(SMALL.bytes())
    urgent = plant.submit_small(9, "interactive")
    before = parts_done(plant, batch)
    plant.until(lambda: plant.job(urgent)["state"] != "queued", PATIENCE)
    # one part was being done and another may just have been taken: that is all it waits for
    assert parts_done(plant, batch) - before <= 2
    ended = plant.wait(urgent)
    record_property("seconds", f"{ended['started']} after {ended['created']}")
    for number, job in small.items():
        as_tenant(number)
        assert plant.wait(job)["state"] == "succeeded"
    as_tenant(0)
    assert plant.job(batch)["state"] == "running"
    assert plant.http.delete(f"/v1/jobs/{batch}").json()["state"] == "cancelled"
    plant.check_once([batch, urgent, *small.values()])
