"""Messages put on the queue by hand, as whoever reached the broker could: none is executed or stops a worker."""

from __future__ import annotations

import itertools
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from kombu import Connection
from kombu.pools import producers

from workers.queue import QUEUES, TASK, broker_url, create_app

MARKER = Path("/dev/shm/oxp-message-was-executed")


class Evil:
    """Touches a file when it is unpickled."""

    def __reduce__(self):
        return MARKER.touch, ()


BODY = b'[[1], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
JSON = {"content_type": "application/json", "content_encoding": "utf-8"}
PICKLE = {"content_type": "application/x-python-serialize", "content_encoding": "binary"}
NAMED = {"lang": "py", "task": TASK, "id": "a" * 36, "root_id": "a" * 36, "argsrepr": "", "kwargsrepr": ""}
MESSAGES = {
    "a pickle": (pickle.dumps([[Evil()], {}, {}]), PICKLE, NAMED),
    "a pickle called JSON": (pickle.dumps([[Evil()], {}, {}]), JSON | {"content_encoding": "binary"}, NAMED),
    "an unknown task": (BODY, JSON, NAMED | {"task": "os.system"}),
    "no task": (BODY, JSON, {}),
    "no JSON": (b"{", JSON, NAMED),
    "other arguments": (BODY.replace(b"[1]", b'["x", {"a": 1}]'), JSON, NAMED),
    "text for a number": (BODY.replace(b"[1]", b'["../../etc/passwd"]'), JSON, NAMED),
    "a number of nothing": (BODY.replace(b"[1]", b"[999999999]"), JSON, NAMED),
    "half a megabyte": (BODY.replace(b"[1]", b'["' + b"x" * (1 << 19) + b'"]'), JSON, NAMED),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_made_by_hand_does_nothing_and_the_next_job_is_done(service_stack, web, good, message):
    body, properties, headers = message
    app = create_app(service_stack.settings)
    with (
        Connection(
            broker_url(service_stack.settings.redis_url),
            transport_options=dict(app.conf.broker_transport_options),
        ) as link,
        producers[link].acquire(block=True) as producer,
    ):
        producer.publish(
            body,
            routing_key=QUEUES["cpu"],
            exchange="onnxplain",
            headers=headers,
            correlation_id="a" * 36,
            **properties,
        )
    app.close()
    assert good().json()["state"] == "succeeded"
    assert not MARKER.exists()
    assert service_stack.worker.poll() is None


LONG = {"method": "smooth_grad", "params": {"samples": 40_000}}


@pytest.fixture
def good(web, model, service_stack):
    """Return a function that posts a good job, another each time, and waits for it five seconds."""
    seeds = itertools.count(time.time_ns() % 2**31)

    def post(seconds: int = 5, **changes) -> httpx.Response:
        tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 0.5]}
        body = {"model": model, "method": "gradient", "inputs": [tensor], "seed": next(seeds)} | changes
        return web.post("/v1/jobs", json=body, headers={"Prefer": f"wait={seconds}"})

    # while one slot holds the message, another does the next job: a cold one would first start a runner for it
    slots = service_stack.settings.slots
    with ThreadPoolExecutor(slots) as hands:
        found = list(hands.map(lambda _: post(50, **LONG), range(slots)))
    assert [f.json()["state"] for f in found] == ["succeeded"] * slots, [f.text for f in found]
    return post
