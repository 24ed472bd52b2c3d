"""Uploads that take long to look at: they hold up nobody else, and whoever sends them is told when to come again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from onnx import TensorProto, helper

from api.app import create_app
from api.patience import threads
from explainers.client import Client
from workers.service import Service
from workers.settings import Settings

OCTETS = {"Content-Type": "application/octet-stream"}
SOON = 10.0
"""Seconds in which whoever is not concerned must be answered, also on a busy machine."""
UPLOAD = 30.0
"""Seconds for a small upload: a runner must be started first."""
LOOK = 8.0


def chain(length: int) -> bytes:
    """Return a valid model of many nodes: looking at it takes longer than it may."""
    nodes = [helper.make_node("Relu", [f"t{i}"], [f"t{i + 1}"]) for i in range(length)]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 4]) for n in ("t0", f"t{length}")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    ).SerializeToString()


@pytest.fixture(scope="module")
def slow_model() -> bytes:
    return chain(60_000)


@pytest.fixture(scope="module")
def place(make_stack, make_url) -> tuple[str, dict[str, str]]:
    """A server, and the keys of two tenants."""
    stack = make_stack(scan_seconds=LOOK, looks_wait_seconds=1.0)
    made = stack.service.keys.create
    return make_url(stack), {t: made(t, "", ["read", "models", "submit"])[1] for t in ("acme", "zeta")}


def http(place: tuple[str, dict[str, str]], tenant: str, seconds: float) -> httpx.Client:
    headers = {"Authorization": f"Bearer {place[1][tenant]}"}
    return httpx.Client(base_url=place[0], timeout=seconds, headers=headers, trust_env=False)


def upload(place: Any, tenant: str, data: bytes, seconds: float) -> httpx.Response:
    with http(place, tenant, seconds) as client:
        return client.post("/v1/models", content=data, headers=OCTETS)


@pytest.fixture(scope="module")
def flood(place, slow_model, mlp_bytes) -> Iterator[list[Future[httpx.Response]]]:
    """More slow uploads of one tenant than the server has threads, all at once."""
    with http(place, "acme", UPLOAD) as client:
        assert client.get("/healthz").status_code == 200
    many = threads(Settings()) + 8
    with ThreadPoolExecutor(many) as pool:
        yield [pool.submit(upload, place, "acme", slow_model, 20 * LOOK) for _ in range(many)]


def test_the_others_are_served_while_a_tenant_sends_slow_models(place, flood, mlp_bytes):
    assert not all(f.done() for f in flood)
    for _ in range(3):
        with http(place, "zeta", SOON) as client:
            for address in ("/healthz", "/v1/methods", "/v1/models"):
                assert client.get(address).status_code == 200
    assert upload(place, "zeta", mlp_bytes, UPLOAD).status_code in (200, 201)


def test_whoever_sent_them_is_told_when_to_come_again(flood):
    answers = [f.result() for f in flood]
    told = Counter(a.status_code for a in answers)
    assert set(told) == {422, 429}, told
    assert told[422] <= 1 + Settings().looks_waiting // 2
    for answer in answers:
        assert answer.headers["Content-Type"] == "application/problem+json"
        if answer.status_code == 429:
            assert answer.json()["code"] == "quota-exceeded"
            assert int(answer.headers["Retry-After"]) > 0
            assert "one after the other" in answer.json()["detail"]


def test_what_took_too_long_is_said_in_its_own_words_and_not_tried_again(place, flood, slow_model):
    first = next(f.result().json() for f in flood if f.result().status_code == 422)
    assert first["code"] == "time-limit"
    assert first["detail"].startswith("looking at the model took more than 8 s")
    assert "fewer nodes" in first["detail"]
    again = upload(place, "acme", slow_model, UPLOAD)
    assert (again.status_code, "is not tried again" in again.json()["detail"]) == (422, True)
    # what one tenant learned is not told to another
    other = upload(place, "zeta", slow_model, 20 * LOOK)
    assert (other.status_code, "is not tried again" in other.json()["detail"]) == (422, False)


@pytest.fixture
def narrow(tmp_path) -> Iterator[Service]:
    """A service that looks at one upload at a time."""
    settings = Settings(
        data=tmp_path, redis_url="redis://127.0.0.1:1/0", scan_seconds=LOOK, looks=1, looks_wait_seconds=0.1
    )
    service = Service.open(settings)
    yield service
    service.close()


def test_where_others_take_all_places_it_is_503(narrow, slow_model, mlp_bytes):
    app = create_app(narrow, narrow.settings)
    keys = {t: narrow.keys.create(t, "", ["models"])[1] for t in ("acme", "zeta")}

    def send(tenant: str, data: bytes) -> Any:
        headers = {"Authorization": f"Bearer {keys[tenant]}", **OCTETS}
        return app.test_client().post("/v1/models", data=data, headers=headers)

    slow = threading.Thread(target=send, args=("acme", slow_model))
    slow.start()
    while not narrow._scanner._desks[0]._places._served:
        time.sleep(0.01)
    refused = send("zeta", mlp_bytes)
    assert (refused.status_code, refused.json["code"]) == (503, "busy")
    assert int(refused.headers["Retry-After"]) > 0
    slow.join()
    assert send("zeta", mlp_bytes).status_code == 201


def test_the_client_comes_again(place, slow_model, mlp_bytes):
    with ThreadPoolExecutor(1) as pool, Client(place[0], place[1]["acme"], timeout=UPLOAD) as client:
        # a runner is warm from now on: nothing but the slow model keeps others waiting
        known = client.upload_model(mlp_bytes)["id"]
        slow = pool.submit(upload, place, "acme", slow_model + extra(), 20 * LOOK)
        while upload(place, "acme", mlp_bytes, UPLOAD).status_code != 429:
            assert not slow.done()
        assert client.upload_model(mlp_bytes)["id"] == known
        assert slow.result().status_code == 422


def extra() -> bytes:
    """Return an unknown field that protobuf passes over: the same model in other bytes."""
    return b"\xc2\x3e\x01x"
