"""Server-sent events: what happened, in order, resumed where the line broke."""

from __future__ import annotations

import threading

import httpx
import httpx_sse
import pytest

from api.patience import HELD


def follow(http: httpx.Client, here: str, last: str | None = None) -> list[httpx_sse.ServerSentEvent]:
    headers = {"Last-Event-ID": last} if last else {}
    with httpx_sse.connect_sse(http, "GET", f"{here}/events", headers=headers) as source:
        return list(source.iter_sse())


@pytest.fixture(scope="module")
def story(http, ask) -> tuple[str, list[httpx_sse.ServerSentEvent]]:
    here = ask(seed=5000).headers["Location"]
    return here, follow(http, here)


def test_the_stream_ends_with_the_job(story):
    _, events = story
    assert {e.event for e in events} <= {"progress", "state"}
    assert events[-1].json()["state"] == "succeeded"
    assert next(e.json()["state"] for e in events if e.event == "state") == "queued"


def test_progress_says_how_far(story):
    progress = [e.json() for e in story[1] if e.event == "progress"]
    assert progress
    assert progress[-1]["done"] == progress[-1]["total"] == 2


def test_ids_rise(story):
    ids = [int(e.id) for e in story[1]]
    assert ids == sorted(set(ids))


def test_a_broken_stream_is_resumed(http, story):
    here, events = story
    rest = follow(http, here, events[0].id)
    assert [(e.id, e.event, e.data) for e in rest] == [(e.id, e.event, e.data) for e in events[1:]]


def test_after_the_last_event_there_is_nothing_to_wait_for(http, story):
    here, events = story
    assert http.get(f"{here}/events", headers={"Last-Event-ID": events[-1].id}).status_code == 204


def test_the_stream_is_no_proxys_to_keep(http, story):
    with http.stream("GET", f"{story[0]}/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert answer.headers["Cache-Control"] == "no-store"


def test_streams_leave_threads_for_everyone_else(url, ask, waiting):
    limits = httpx.Limits(max_connections=100)
    with httpx.Client(base_url=url, timeout=20, limits=limits, trust_env=False) as http:
        opened = [
            http.send(http.build_request("GET", f"{waiting}/events"), stream=True) for _ in range(HELD + 3)
        ]
        refused = [a for a in opened if a.status_code == 429]
        assert refused
        assert all("Retry-After" in a.headers for a in refused)
        assert http.get("/healthz").status_code == 200
        assert ask({"Prefer": "wait=5"}, seed=6000).status_code == 202
        for answer in opened:
            answer.close()


@pytest.fixture
def waiting(http, ask, pixels):
    """Address of a job that takes longer than the test."""
    import numpy as np

    from explainers import tensors

    inputs = tensors.encode({"input": np.tile(pixels, (300, 1, 1, 1))})
    here = ask(method="occlusion", inputs=inputs, params={"window": 1}, seed=6001).headers["Location"]
    yield here
    http.delete(here)


def test_many_listeners_hear_the_same(url, http, ask):
    here = ask(seed=5001).headers["Location"]
    heard: list[list[str]] = []

    def listen() -> None:
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as own:
            heard.append([e.id for e in follow(own, here)])

    threads = [threading.Thread(target=listen) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(heard) == 4
    assert all(h == heard[0] for h in heard)
