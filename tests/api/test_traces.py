"""One job is one trace: spans of API, broker, worker and runner come to a collector on loopback, and nothing of an input."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2
from reference.patience import PATIENCE

from explainers import tensors
from workers import traces

SECRET = 0.123456789


@dataclass
class Span:
    part: str
    name: str
    id: str
    parent: str
    trace: str
    links: list[str]
    about: dict[str, str]


class Collector(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1/traces"
        self.spans: list[Span] = []
        self.raw = b""


def written(part: str, span: trace_pb2.Span) -> Span:
    about = {a.key: str(a.value) for a in span.attributes}
    ids = (span.span_id.hex(), span.parent_span_id.hex(), span.trace_id.hex())
    return Span(part, span.name, *ids, [k.trace_id.hex() for k in span.links], about)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            part = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            found = [s for scope in resource.scope_spans for s in scope.spans]
            self.server.spans += [written(part, span) for span in found]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    server = Collector()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def traced(make_stack, make_url, collector) -> Iterator[httpx.Client]:
    stack = make_stack(slots=1, traces_url=collector.url)
    with httpx.Client(base_url=make_url(stack), timeout=60, trust_env=False) as client:
        yield client


STRANGE = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


@pytest.fixture(scope="module")
def spans(traced, mlp_bytes, collector) -> list[Span]:
    model = traced.post(
        "/v1/models?name=hidden", content=mlp_bytes, headers={"Content-Type": "application/octet-stream"}
    )
    inputs = tensors.encode({"input": np.full((1, 4), SECRET, "f8").astype("f4")})
    body = {"model": model.json()["id"], "method": "gradient", "inputs": inputs}
    job = traced.post("/v1/jobs", json=body, headers={"Prefer": "wait=60", "traceparent": STRANGE})
    assert job.json()["state"] == "succeeded"
    wanted, end = {"onnxplain-api", "onnxplain-worker", "onnxplain-runner"}, time.monotonic() + 30
    while wanted - {s.part for s in collector.spans} or not of_job(collector.spans):
        assert time.monotonic() < end, collector.spans
        time.sleep(0.1)
    return collector.spans


def of_job(spans: list[Span]) -> list[Span]:
    roots = [s for s in spans if s.name == "POST /v1/jobs"]
    return [s for s in spans if roots and s.trace == roots[0].trace]


def test_one_job_is_one_trace_of_all_four(spans):
    mine = of_job(spans)
    assert {(s.part, s.name) for s in mine} >= {
        ("onnxplain-api", "POST /v1/jobs"), ("onnxplain-api", "publish"), ("onnxplain-worker", "chunk"),
        ("onnxplain-runner", "load"), ("onnxplain-runner", "explain"),
    }  # fmt: skip
    by_name = {s.name: s for s in mine}
    request, chunk = by_name["POST /v1/jobs"], by_name["chunk"]
    assert request.parent == ""
    assert {by_name["publish"].parent, chunk.parent} == {request.id}
    assert {by_name["load"].parent, by_name["explain"].parent} == {chunk.id}


def test_a_strangers_trace_is_pointed_at_and_not_entered(spans):
    request = next(s for s in spans if s.name == "POST /v1/jobs")
    assert request.trace != "ab" * 16
    assert request.links == ["ab" * 16]


def test_spans_hold_ids_and_no_inputs(spans, collector):
    chunk = next(s for s in spans if s.name == "chunk")
    assert {"onnxplain.job", "onnxplain.chunk", "onnxplain.attempt", "onnxplain.tenant"} <= chunk.about.keys()
    assert all(k.startswith("onnxplain.") for s in spans for k in s.about)
    for text in (b"0.1234", b"hidden", np.float32(SECRET).tobytes()):
        assert text not in collector.raw


def test_a_collector_that_hangs_holds_up_nothing(make_stack, make_url, mlp_bytes):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stack = make_stack(slots=1, traces_url=f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces")
        model = stack.add_model(mlp_bytes)
        with httpx.Client(base_url=make_url(stack), timeout=PATIENCE, trust_env=False) as client:
            body = {
                "model": model,
                "method": "gradient",
                "inputs": tensors.encode({"input": np.ones((1, 4), "f4")}),
            }
            # the tenant of the page's model is another: what is asked for is only that every answer comes
            assert [client.post("/v1/jobs", json=body).status_code for _ in range(20)] == [422] * 20


WRONG = [
    None, "x", [[]], [["load", 5, 6]], [["load", "a", "b"]], [["evil", 10, 11]], [["load", 10, 2**70]], [["load", True, 11]],
]  # fmt: skip


@pytest.mark.parametrize("steps", WRONG)
def test_a_runner_cannot_write_what_it_likes(steps):
    for step in steps if isinstance(steps, list) else []:
        assert not traces._possible(step, 10, 20)
    assert traces._possible(["load", 10, 11], 10, 20)
    traces.record(steps, 10)


def test_without_an_address_nothing_is_written():
    with traces.span("x", parent="y"):
        traces.note(a=1)
        assert traces.current() is None
