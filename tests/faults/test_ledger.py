"""A ledger that is away, workers that are frozen or whose clocks are wrong: PostgreSQL, stopped and started again."""

from __future__ import annotations

import signal
import time

import psutil
import pytest
from reference import postgresql as server
from sqlalchemy import select

from workers.errors import LedgerUnavailable
from workers.ledger.database import exclusive
from workers.tables import Chunk, Lease

WRONG_CLOCK = """
import time
right = time.time
time.time = lambda: right() + 3600
"""


@pytest.fixture(scope="module")
def cluster(postgresql):
    """A cluster of our own, because it is stopped; where there is none, the shared one says so."""
    with server.cluster(server.programs()) as running:
        yield running


@pytest.fixture(scope="module")
def plant(build, cluster):
    return build(workers=2, database_url=cluster.database())


def test_a_ledger_that_is_away_is_said_and_costs_no_job(plant, cluster):
    running = plant.submit_slow(seed=1)
    cluster.stop()
    for method, path in (
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("GET", f"/v1/jobs/{running}"),
        ("GET", "/metrics"),
    ):
        answer = plant.http.request(method, path, json={})
        assert answer.status_code == 503, (path, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["code"] == "ledger-unavailable"
    assert plant.http.get("/healthz").status_code == 200
    assert (plant.ready()["ready"], plant.ready()["ledger"]) == (False, False)
    time.sleep(5)
    cluster.start()
    plant.good_job(2)
    assert plant.wait(running)["state"] == "succeeded"
    plant.check_once([running])
    plant.until(lambda: plant.ready()["ready"], 60)


def test_a_broker_and_a_ledger_that_are_both_away_leave_the_publisher_alive(plant, cluster):
    plant.broker.process.kill()
    plant.broker.process.wait()
    job = plant.submit_small(3)
    cluster.stop()
    time.sleep(3)
    cluster.start()
    plant.revive()
    plant.good_job(4)
    plant.check_done({job: 3})


def test_a_worker_that_was_frozen_finds_its_work_done_by_another(plant):
    expired = plant.figure("reconciled_total", kind="expired")
    running = plant.submit_slow(seed=5, repeat=16)
    with plant.ledger.read() as session:
        keeper = session.get_one(Lease, "reconciler").holder
    frozen = next(w for w in plant.workers if str(w.pid) in keeper.split("-"))
    plant.until(lambda: holds_a_chunk(plant, keeper), 30)
    family = [psutil.Process(frozen.pid), *psutil.Process(frozen.pid).children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    plant.until(lambda: holder(plant) != keeper, 30)
    plant.good_job(6)
    assert plant.wait(running)["state"] == "succeeded"
    for process in family:
        process.send_signal(signal.SIGCONT)
    plant.until(lambda: plant.figure("worker_slots") == 2, 60)
    plant.check_once([running])
    assert plant.figure("reconciled_total", kind="expired") > expired


def holds_a_chunk(plant, worker: str) -> bool:
    with plant.ledger.read() as session:
        return bool(
            session.scalars(select(Chunk.id).where(Chunk.worker == worker, Chunk.state == "running")).first()
        )


def holder(plant) -> str:
    with plant.ledger.read() as session:
        return session.scalars(select(Lease.holder).where(Lease.name == "reconciler")).one()


def test_whoever_stops_in_a_transaction_does_not_stop_the_others(plant):
    def stop() -> None:
        with plant.ledger.write() as session:
            # every accept and every end of a chunk draws the window
            exclusive(session, "draw")
            plant.good_job(8)

    with pytest.raises(LedgerUnavailable):
        stop()


def test_a_worker_whose_clock_is_an_hour_ahead_does_no_harm(plant, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WRONG_CLOCK)
    ahead = plant.start_worker(tmp_path)
    plant.workers.append(ahead)
    plant.until(lambda: plant.figure("worker_slots") == 3, 60)
    running = plant.submit_slow(seed=7, repeat=16)
    jobs = {plant.submit_small(10 + i): 10 + i for i in range(10)}
    plant.check_done(jobs)
    assert plant.wait(running)["state"] == "succeeded"
    plant.check_once([running])
    assert plant.job(running)["attempt"] == 1


def test_nobody_knows_more_jobs_than_were_accepted(plant):
    plant.until(lambda: plant.jobs() == {"all": len(plant.accepted), "open": 0}, 60)
