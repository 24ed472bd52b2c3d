"""Two workers in two network namespaces, each with processes of its own, on one PostgreSQL and one Valkey."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
import redis
from faults.plant import end
from reference import postgresql as server
from sqlalchemy import select

from workers.tables import Chunk, Worker

NETWORK = "10.231"
PORT = 16391
PEOPLE = (1, 2)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def name(number: int) -> str:
    return f"oxp{os.getpid() % 100000}x{number}"


def join(stack: ExitStack, number: int) -> None:
    """Make a namespace and a cable to it; the cable's end here is called as the namespace is."""
    ip("netns", "add", name(number))
    stack.callback(ip, "netns", "delete", name(number))
    ip("link", "add", name(number), "type", "veth", "peer", "name", "inside", "netns", name(number))
    ip("address", "add", f"{NETWORK}.{number}.1/30", "dev", name(number))
    ip("link", "set", name(number), "up")
    within = ("-n", name(number))
    ip(*within, "address", "add", f"{NETWORK}.{number}.2/30", "dev", "inside")
    ip(*within, "link", "set", "inside", "up")
    ip(*within, "link", "set", "lo", "up")


@pytest.fixture(scope="module")
def cables():
    """Two namespaces that reach this one."""
    if os.geteuid() or not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("network namespaces need root, iproute2 and util-linux")
    with ExitStack() as stack:
        try:
            for number in PEOPLE:
                join(stack, number)
        except subprocess.CalledProcessError as e:
            pytest.skip(f"network namespaces are not permitted here: {e.stderr.strip()}")
        yield


@pytest.fixture(scope="module")
def plant(cables, postgresql, build):
    addresses = ",".join(f"{NETWORK}.{number}.1" for number in PEOPLE)
    with server.cluster(server.programs(), addresses, f"{NETWORK}.0.0/16") as cluster:
        plant = build(database_url=cluster.database())
        with redis.Redis.from_url(plant.broker.url) as client:
            # the broker of these tests is on a unix socket: it listens on the cables as well
            for key, value in (
                ("protected-mode", "no"),
                ("bind", addresses.replace(",", " ")),
                ("port", PORT),
            ):
                client.config_set(key, value)
        plant.workers[0].terminate()
        end(plant.workers[0])
        plant.workers = []
        yield plant
        plant.stop_programs()


@pytest.fixture(scope="module")
def ids(plant):
    """What the two workers call themselves in the ledger, by the number of their namespace."""
    return {number: begin(plant, number) for number in PEOPLE}


def begin(plant, number: int) -> str:
    """Start a worker in a namespace, and return its name."""
    known = consuming(plant)
    database = plant.settings.database_url.partition("@")[2].removeprefix("/").partition("?")[0]
    settings = plant.settings.model_copy(update={
        "redis_url": f"redis://{NETWORK}.{number}.1:{PORT}/0",
        "database_url": f"postgresql+psycopg://tests@{NETWORK}.{number}.1/{database}",
    })  # fmt: skip
    command = [
        "ip",
        "netns",
        "exec",
        name(number),
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]
    plant.workers.append(plant.start([*command, sys.executable, "-P", "-m", "workers.worker"], settings))
    return plant.until(lambda: consuming(plant) - known, 60).pop()


def consuming(plant) -> set[str]:
    with plant.ledger.read() as session:
        return set(session.scalars(select(Worker.id)))


def did(plant, job: str) -> set[str]:
    """Return who did the parts of a job."""
    with plant.ledger.read() as session:
        return set(session.scalars(select(Chunk.worker).where(Chunk.job == job, Chunk.state == "succeeded")))


def test_work_is_shared(plant, ids):
    job = plant.submit_slow(seed=1, repeat=16)
    assert plant.wait(job)["state"] == "succeeded"
    assert did(plant, job) == set(ids.values())
    plant.check_once([job])


def test_one_that_is_cut_off_is_not_waited_for_and_works_again_when_it_is_back(plant, ids):
    job = plant.submit_slow(seed=2, repeat=16)
    ip("link", "set", name(2), "down")
    plant.good_job(3)
    assert plant.wait(job)["state"] == "succeeded"
    plant.check_once([job])
    time.sleep(3)
    ip("link", "set", name(2), "up")
    later = iter(range(10, 100))
    # it consumes again when it did a part of something
    plant.until(lambda: ids[2] in did(plant, again(plant, next(later))), 120)


def again(plant, seed: int) -> str:
    job = plant.submit_slow(seed, repeat=12)
    assert plant.wait(job)["state"] == "succeeded"
    plant.check_once([job])
    return job


def test_either_may_die(plant, ids):
    for number, worker in zip(PEOPLE, list(plant.workers), strict=True):
        job = plant.submit_slow(seed=4 + number, repeat=16)
        worker.kill()
        worker.wait()
        plant.good_job(5)
        assert plant.wait(job)["state"] == "succeeded"
        plant.check_once([job])
        plant.workers.remove(worker)
        begin(plant, number)
    assert plant.figure("reconciled_total", kind="expired") >= 1
    assert plant.jobs() == {"all": len(plant.accepted), "open": 0}
