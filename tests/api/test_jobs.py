"""Submitting twice, waiting, listing, cancelling."""

from __future__ import annotations

import io
import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import pytest

from workers.records import Submission


def test_the_same_key_and_body_are_one_job(ask):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, second = ask(key), ask(key)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]


def test_the_same_key_with_another_body_is_refused(ask):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    assert ask(key).status_code == 202
    other = ask(key, seed=5)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")


def test_without_a_key_there_are_two_jobs(ask):
    assert ask().json()["id"] != ask().json()["id"]


def test_waiting_gives_the_result(ask):
    answer = ask({"Prefer": "respond-async, wait=60"}, seed=11)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Preference-Applied"] == "wait=60"
    assert answer.json()["state"] == "succeeded"
    assert answer.json()["account"]["method"] == "gradient"


@pytest.fixture
def slow(http, digits, pixels) -> Iterator[Callable[..., httpx.Response]]:
    """Posts a job that takes a while: every pixel of many digits; all are cancelled in the end."""
    made: list[str] = []

    def post(headers: dict[str, str] | None = None) -> httpx.Response:
        buffer = io.BytesIO()
        np.save(buffer, np.tile(pixels, (4000, 1, 1, 1)))
        asked = {"model": digits, "method": "occlusion", "params": {"window": 1}, "seed": time.time_ns()}
        files = {"request": (None, json.dumps(asked)), "input": ("many.npy", buffer.getvalue())}
        answer = http.post("/v1/jobs", files=files, headers=headers)
        made.append(answer.headers["Location"])
        return answer

    yield post
    for here in made:
        http.delete(here)


def test_waiting_is_bounded(slow):
    # whoever looks at uploaded files is awake from now on
    slow()
    start = time.monotonic()
    answer = slow({"Prefer": "wait=1"})
    assert answer.status_code == 202
    assert time.monotonic() - start < 5
    assert answer.json()["state"] in ("queued", "running")


def test_a_result_before_the_end_is_a_conflict(http, slow):
    here = slow().headers["Location"]
    for end in ("result", "result.npz", "items/0.png", "manifest"):
        answer = http.get(f"{here}/{end}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not-ready")
        assert int(answer.headers["Retry-After"]) >= 1


def test_a_running_job_is_cancelled_within_seconds(http, slow):
    here = slow().headers["Location"]
    while http.get(here).json()["state"] != "running":
        time.sleep(0.02)
    start = time.monotonic()
    assert http.delete(here).status_code == 202
    while (job := http.get(here).json())["state"] != "cancelled":
        assert time.monotonic() - start < 5, job
        time.sleep(0.05)
    assert http.get(f"{here}/result").json()["code"] == "job-cancelled"


def test_the_list_is_paged_and_complete(http, ask):
    made = [ask(seed=1000 + i).json()["id"] for i in range(5)]
    page, seen = "/v1/jobs?limit=2", []
    while page and len(seen) < 400:
        answer = http.get(page)
        seen += [job["id"] for job in answer.json()["jobs"]]
        page = answer.links["next"]["url"] if "next" in answer.links else None
        assert page == answer.json()["next"]
    assert [i for i in seen if i in made] == made[::-1]
    assert len(seen) == len(set(seen))


def test_the_list_is_filtered(http, ask, finish, digits):
    finish(ask(seed=2000))
    jobs = http.get(f"/v1/jobs?state=succeeded&method=gradient&model={digits}&limit=200").json()["jobs"]
    assert jobs
    assert {(j["state"], j["method"], j["model"]) for j in jobs} == {("succeeded", "gradient", digits)}
    assert http.get("/v1/jobs?method=nothing").json()["jobs"] == []


def test_a_next_page_keeps_the_filters(http, ask):
    for seed, method in enumerate(["gradient", "occlusion", "gradient"]):
        ask(seed=3000 + seed, method=method)
    answer = http.get("/v1/jobs?method=gradient&limit=1")
    following = http.get(answer.links["next"]["url"]).json()["jobs"]
    assert [j["method"] for j in following] == ["gradient"]


def test_states_only_go_forward(http, ask):
    here, seen = ask(seed=4000).headers["Location"], []
    end = time.monotonic() + 30
    while (not seen or seen[-1] != "succeeded") and time.monotonic() < end:
        seen.append(http.get(here).json()["state"])
    order = ["queued", "running", "succeeded"]
    assert [order.index(s) for s, _ in itertools.groupby(seen)] == sorted({order.index(s) for s in seen})


@pytest.mark.parametrize("end", ["", "/events", "/result", "/result.npz", "/items/0.png", "/manifest"])
def test_a_job_of_another_tenant_is_not_there(client, quiet_service, stranger, end):
    answer = client.get(f"/v1/jobs/{stranger}{end}")
    assert answer.status_code == 404
    assert answer.json["detail"].replace(stranger, "") == client.get(
        f"/v1/jobs/{'0' * len(stranger)}{end}"
    ).json["detail"].replace("0" * len(stranger), "")


@pytest.fixture(scope="module")
def stranger(quiet_service, digits_bytes, pixels, tmp_path_factory) -> str:
    """Id of a job of a tenant who is not asking."""
    file = tmp_path_factory.mktemp("other") / "model.onnx"
    file.write_bytes(digits_bytes)
    model, _ = quiet_service.add_model("other", file, {}, None, "secret")
    job, _ = quiet_service.submit("other", Submission(model.id, "gradient", inputs={"input": pixels[:1]}))
    return job.id


def test_a_model_of_another_tenant_is_not_there(client, quiet_service, stranger):
    model = quiet_service.job("other", stranger).model
    for ref in (model, "secret", "secret:1"):
        assert client.get(f"/v1/models/{ref}").status_code == 404
        assert client.delete(f"/v1/models/{ref}").status_code == 404
    assert client.delete(f"/v1/jobs/{stranger}").status_code == 404
    # the one who asks may have models and jobs of his own, from other tests
    assert model not in [m["id"] for m in client.get("/v1/models").json["models"]]
    assert stranger not in [j["id"] for j in client.get("/v1/jobs").json["jobs"]]
    assert quiet_service.job("other", stranger).state == "queued"
