"""A broker that hangs, dies, forgets, is cut off, is full, or delivers twice: it only wakes workers up, and loses no job."""

from __future__ import annotations

import signal
import time

import pytest
import redis
from faults.proxy import deliver_again
from reference.patience import PATIENCE
from sqlalchemy import func, select

from workers.tables import Chunk


@pytest.fixture(scope="module")
def plant(build):
    """One service for all: the faults follow each other, as they do where a broker is ill."""
    # deaf is who takes no call while calls wait: with the broker gone for seconds nobody is
    return build(deaf_seconds=60.0)


@pytest.fixture(autouse=True)
def _keeps_account(plant):
    """After each fault the ledger holds what was accepted, and nothing is open."""
    yield
    plant.until(lambda: plant.jobs() == {"all": len(plant.accepted), "open": 0}, PATIENCE)


@pytest.fixture
def client(plant):
    with redis.Redis.from_url(plant.broker.url) as client:
        yield client


def begin(plant, seed: int) -> dict[str, int]:
    return {plant.submit_small(seed + i): seed + i for i in range(5)}


def freeze(plant) -> None:
    plant.broker.process.send_signal(signal.SIGSTOP)


def stop(plant) -> None:
    plant.broker.process.terminate()
    plant.broker.process.wait()


def kill(plant) -> None:
    plant.broker.process.kill()
    plant.broker.process.wait()


def forget(plant) -> None:
    kill(plant)
    for file in (plant.settings.data / "broker").rglob("*.aof*"):
        file.unlink()


def parts_done(plant, job: str) -> int:
    with plant.ledger.read() as session:
        done = select(func.count()).where(Chunk.job == job, Chunk.state == "succeeded")
        return session.scalars(done).one()


def test_a_frozen_broker_holds_up_no_accept_and_loses_nothing(plant):
    freeze(plant)
    jobs = begin(plant, 100)
    assert plant.jobs()["open"] == 5
    assert not plant.ready()["broker"]
    time.sleep(3)
    plant.broker.process.send_signal(signal.SIGCONT)
    plant.good_job(110)
    plant.check_done(jobs)


@pytest.mark.parametrize("forgets", [False, True], ids=["with its log", "without its log"])
def test_a_restarted_broker(plant, forgets):
    running = plant.submit_slow(seed=200 + forgets)
    (forget if forgets else kill)(plant)
    jobs = begin(plant, 210 + 10 * forgets)
    plant.revive()
    plant.good_job(240 + forgets)
    plant.check_done(jobs)
    assert plant.wait(running)["state"] == "succeeded"
    plant.check_once([running])
    assert plant.figure("publish_failures_total") + plant.figure("reconciled_total", kind="republished") > 0


def test_a_broker_that_is_lost_again_and_again_is_found_again_each_time(plant):
    for seed, lose in enumerate([freeze, kill, stop, forget, kill, freeze], 700):
        running = plant.submit_slow(seed, repeat=4)
        done = parts_done(plant, running)
        lose(plant)
        # whoever ends a part meanwhile cannot acknowledge it
        plant.until(lambda: parts_done(plant, running) > done, PATIENCE)  # noqa: B023
        plant.broker.process.send_signal(signal.SIGCONT)
        plant.revive()
        plant.good_job(seed + 100)
        assert plant.wait(running)["state"] == "succeeded"
        plant.check_once([running])
    # found again by itself: nobody had to notice that it was deaf
    assert plant.figure("reconciled_total", kind="deaf") == 0


def test_connections_that_are_killed_are_made_again(plant, client):
    jobs = begin(plant, 300)
    for kind in ("normal", "pubsub"):
        client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    plant.good_job(310)
    plant.check_done(jobs)


def test_a_network_that_was_cut_is_used_again(plant):
    plant.proxy.cut()
    jobs = begin(plant, 400)
    time.sleep(5)
    plant.proxy.mend()
    plant.good_job(410)
    plant.check_done(jobs)


def test_a_full_broker_takes_no_call_and_the_ledger_keeps_the_job(plant, client):
    failed = plant.figure("publish_failures_total")
    client.config_set("maxmemory", 1)
    jobs = begin(plant, 500)
    plant.until(lambda: plant.figure("publish_failures_total") > failed, 20)
    client.config_set("maxmemory", 256 << 20)
    plant.good_job(510)
    plant.check_done(jobs)


def test_a_call_that_is_delivered_twice_is_seen_and_dropped(plant):
    before = plant.figure("duplicate_deliveries_total")
    running = plant.submit_slow(seed=600)
    deliver_again(plant.settings, plant.ledger)
    plant.good_job(610)
    assert plant.wait(running)["state"] == "succeeded"
    plant.check_once([running])
    plant.until(lambda: plant.figure("duplicate_deliveries_total") > before, 20)
