"""Whoever reached the broker: what is no call is taken off the list, costs little memory, and holds up nobody."""

from __future__ import annotations

import psutil
import pytest
import redis

from workers.queue import TASK, lists

MB = 1 << 20
TIMES = 4


@pytest.fixture(scope="module")
def plant(build):
    return build()


@pytest.fixture
def client(plant):
    with redis.Redis.from_url(plant.broker.url) as client:
        yield client


def held(plant) -> int:
    worker = psutil.Process(plant.workers[0].pid)
    return sum(p.memory_info().rss for p in (worker, *plant.children()))


def test_a_user_without_scripts_and_other_keys_is_enough(plant, client):
    limits = ("resetkeys", f"~{plant.settings.key_prefix}*", "-@scripting")
    client.execute_command("ACL", "SETUSER", "default", *limits)
    plant.proxy.drop()
    plant.good_job(0)
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.eval("return 1", 0)


def test_a_message_far_larger_than_a_call_is_refused_by_the_broker(plant, client):
    name = lists(plant.settings)[0]
    with pytest.raises(redis.ConnectionError):
        client.lpush(name, b"x" * (8 * MB))
    assert client.llen(name) == 0
    plant.good_job(1)


NONSENSE = {
    "no JSON": b"x" * MB,
    "half an envelope": b'{"body": "' + b"A" * (MB - 100) + b'"}',
    "nested": b"[" * MB,
    "a number": b"1",
    "a task without an id": b'{"body": "", "properties": {"delivery_tag": "a"}, "headers": {"task": "%s"}}'
    % TASK.encode(),
    "an unknown encoding": b'{"body": "A", "properties": {"delivery_tag": "a", "body_encoding": "no"}, "headers": {}}',
}


@pytest.mark.parametrize("message", NONSENSE.values(), ids=NONSENSE)
def test_what_is_no_call_stops_no_worker_and_costs_little_memory(plant, client, message):
    seed = 10 * (1 + list(NONSENSE.values()).index(message))
    plant.good_job(seed)
    before = held(plant)
    for _ in range(TIMES):
        client.lpush(lists(plant.settings)[0], message)
    job = plant.submit_small(seed + 1)
    plant.check_done({job: seed + 1})
    assert plant.workers[0].poll() is None
    assert held(plant) - before < 50 * MB
