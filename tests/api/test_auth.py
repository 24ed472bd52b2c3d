"""Keys: who is let in, to what, and that nobody sees what is another's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import numpy as np
import pytest
from flask.testing import FlaskClient

from api.app import create_app
from explainers import tensors
from workers.service import Service
from workers.settings import Settings

NOBODY = "redis://127.0.0.1:1/0"
ALL = ["read", "submit", "models", "admin"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    return Settings(
        data=tmp_path_factory.mktemp("keyed"), redis_url=NOBODY, request_rate="", refused_rate="",
        cors_origins=("https://pages.example",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def keyed(settings) -> Iterator[Service]:
    service = Service.open(settings)
    yield service
    service.close()


@pytest.fixture(scope="module")
def key(keyed):
    """Return a function that makes a key and returns its headers."""

    def make(tenant: str = "acme", scopes: list[str] = ALL, seconds: float | None = None) -> dict[str, str]:
        _, text = keyed.keys.create(tenant, "test", list(scopes), seconds)
        return {"Authorization": f"Bearer {text}"}

    return make


@pytest.fixture(scope="module")
def ours(key) -> dict[str, str]:
    return key("acme")


@pytest.fixture(scope="module")
def theirs(key) -> dict[str, str]:
    return key("zeta")


@pytest.fixture(scope="module")
def web(keyed, settings, ours) -> FlaskClient:
    return create_app(keyed, settings).test_client()


def test_without_keys_whoever_is_here_may_do_everything_and_the_first_key_ends_that(tmp_path):
    settings = Settings(data=tmp_path, redis_url=NOBODY)
    service = Service.open(settings)
    client = create_app(service, settings).test_client()
    assert client.get("/v1/jobs").status_code == client.get("/metrics").status_code == 200
    record, _ = service.keys.create("acme", "first", ALL, None)
    assert client.get("/v1/jobs").status_code == client.get("/metrics").status_code == 401
    service.keys.revoke(record.id)
    assert client.get("/v1/jobs").status_code == 401
    service.close()


def test_what_tells_nothing_of_a_tenant_needs_no_key(web):
    assert web.get("/healthz").status_code == 200
    assert web.get("/readyz").status_code == 503
    assert web.get("/openapi.json").status_code == 200
    page = web.get("/")
    assert page.status_code == 200
    assert b"Jobs by state" not in page.data


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer x",
        "Bearer x.y",
        "Bearer .",
        "Basic eDp5",
        "Bearer a\tb",
        "Bearer oxp000000000000.x",
        "x" * 5000,
    ],
)
def test_no_key_or_a_wrong_one_is_401_and_says_no_more(web, shown):
    answer = web.get("/v1/jobs", headers={"Authorization": shown})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert web.get("/v1/jobs").json["detail"] == answer.json["detail"]


def test_a_wrong_secret_an_expired_and_a_revoked_key_look_alike(web, keyed, key, ours):
    short = key(seconds=0.05)
    record, text = keyed.keys.create("acme", "gone", ALL)
    assert web.get("/v1/jobs", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    keyed.keys.revoke(record.id)
    time.sleep(0.1)
    wrong = {"Authorization": ours["Authorization"][:-1] + "_"}
    for shown in (short, wrong, {"Authorization": f"Bearer {text}"}):
        assert web.get("/v1/jobs", headers=shown).status_code == 401


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("read", "get", "/v1/jobs"), ("read", "get", "/v1/models/x"), ("read", "get", "/v1/methods"),
        ("submit", "post", "/v1/jobs"), ("submit", "delete", "/v1/jobs/x"), ("models", "post", "/v1/models"),
        ("models", "delete", "/v1/models/x"), ("models", "post", "/v1/datasets"), ("admin", "get", "/metrics"),
    ],
)  # fmt: skip
def test_a_key_does_what_its_scopes_say(web, key, scope, method, path):
    refused = getattr(web, method)(path, headers=key(scopes=[s for s in ALL if s != scope]))
    assert (refused.status_code, refused.json["code"], refused.json["scope"]) == (403, "scope-missing", scope)
    assert getattr(web, method)(path, headers=key(scopes=[scope])).status_code not in (401, 403)


@pytest.fixture(scope="module")
def owned(web, ours, digits_bytes) -> dict[str, str]:
    """A model, a data set and a job of one tenant: by parameter of a path, what stands there."""
    octets = {**ours, "Content-Type": "application/octet-stream"}
    model = web.post("/v1/models?name=secretname", data=digits_bytes, headers=octets).json["id"]
    dataset = web.post(
        "/v1/datasets", data=npy(), headers=octets | {"Content-Type": "application/x-npy"}
    ).json
    job = web.post("/v1/jobs", headers={**ours, "Idempotency-Key": "k"}, json=request(model)).json["id"]
    return {"model": model, "dataset": dataset["id"], "job": job}


def npy() -> bytes:
    import io

    out = io.BytesIO()
    np.save(out, np.full((2, 1, 8, 8), 0.25, "f4"))
    return out.getvalue()


def request(model: str) -> dict:
    pixels = np.full((2, 1, 8, 8), 0.5, "f4")
    return {"model": model, "method": "gradient", "inputs": tensors.encode({"input": pixels})}


def routes(web: FlaskClient) -> list[tuple[str, str]]:
    paths = web.get("/openapi.json").json["paths"]
    return [(path, method) for path, operations in paths.items() for method in operations]


def filled(path: str, owned: dict[str, str]) -> str:
    noun = path.split("/")[2] if path.startswith("/v1/") else ""
    known = {"jobs": owned["job"], "datasets": owned["dataset"], "models": owned["model"]}.get(
        noun, "gradient"
    )
    return path.format(ref=known, id=known, item=0, name="gradient")


def test_no_route_shows_or_touches_what_is_anothers(web, owned, ours, theirs):
    secrets = [*owned.values(), "secretname", "acme"]
    for path, method in routes(web):
        address = filled(path, owned)
        answer = web.open(address, method=method, headers=theirs, json={} if method == "put" else None)
        # an answer may repeat the address that it was asked for
        body = answer.get_data(as_text=True)
        for told in filter(None, address.split("/")):
            body = body.replace(told, "")
        assert not [s for s in secrets if s in body], (method, path, body)
        if "{" in path and "methods" not in path:
            assert answer.status_code == 404, (method, path, answer.status_code)
    for path, method in routes(web):
        if method == "get" and path in ("/v1/models", "/v1/jobs", "/v1/datasets"):
            assert [v for v in web.get(path, headers=theirs).json.values() if v] == []
    assert web.get(f"/v1/jobs/{owned['job']}", headers=ours).json["state"] == "queued"
    assert web.get("/v1/models/secretname", headers=ours).status_code == 200


def test_every_route_but_the_open_ones_asks_for_a_key(web, owned):
    free = {
        path
        for path, method in routes(web)
        if web.open(filled(path, owned), method=method).status_code != 401
    }
    assert free == {"/healthz", "/readyz"}


def test_a_404_of_anothers_job_is_that_of_no_job(web, owned, theirs):
    there = web.get(f"/v1/jobs/{owned['job']}", headers=theirs).json
    nowhere = web.get("/v1/jobs/" + owned["job"][::-1], headers=theirs).json
    same = {"instance": "", "detail": ""}
    assert {**there, **same} == {**nowhere, **same}


def test_the_same_bytes_names_and_keys_are_new_to_another_tenant(web, owned, key, digits_bytes):
    other = key("eta")
    octets = {**other, "Content-Type": "application/octet-stream"}
    assert web.get("/v1/models/secretname", headers=other).status_code == 404
    again = web.post("/v1/models?name=secretname", data=digits_bytes, headers=octets)
    assert (again.status_code, again.json["id"]) == (201, owned["model"])
    data = web.post("/v1/datasets", data=npy(), headers={**octets, "Content-Type": "application/x-npy"})
    assert data.status_code == 201
    changed = request(owned["model"]) | {"method": "sensitivity"}
    job = web.post("/v1/jobs", headers={**other, "Idempotency-Key": "k"}, json=changed)
    assert job.status_code == 202
    assert job.json["id"] != owned["job"]


def test_a_dataset_or_model_of_another_is_not_there_for_a_job(web, owned, theirs):
    job = web.post(
        "/v1/jobs", headers=theirs, data=json.dumps(request(owned["model"])), content_type="application/json"
    )
    assert job.status_code == 422
    assert "secretname" not in job.get_data(as_text=True)


def test_pages_of_listed_origins_may_ask_and_no_others(web, ours):
    listed = {"Origin": "https://pages.example", "Sec-Fetch-Site": "cross-site"}
    before = web.options("/v1/jobs", headers=listed)
    assert (before.status_code, before.headers["Access-Control-Allow-Origin"]) == (
        204,
        "https://pages.example",
    )
    assert (
        web.get("/v1/jobs", headers=ours | listed).headers["Access-Control-Allow-Origin"]
        == "https://pages.example"
    )
    other = web.get("/v1/jobs", headers=ours | {"Origin": "https://evil.example"})
    assert other.status_code == 403
    assert "Access-Control-Allow-Origin" not in other.headers


def test_with_keys_the_service_may_be_called_by_any_name(web, ours):
    assert web.get("/v1/jobs", headers={**ours, "Host": "explain.example"}).status_code == 200


@pytest.fixture
def hurried(keyed, settings, ours) -> FlaskClient:
    slow = settings.model_copy(update={"request_rate": "3/minute", "refused_rate": "2/minute"})
    return create_app(keyed, slow).test_client()


def test_a_key_that_asks_too_often_waits_and_another_does_not(hurried, ours, theirs):
    seen = [hurried.get("/v1/jobs", headers=ours).status_code for _ in range(4)]
    assert seen == [200, 200, 200, 429]
    answer = hurried.get("/v1/jobs", headers=ours)
    assert answer.content_type == "application/problem+json"
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert hurried.get("/v1/jobs", headers=theirs).status_code == 200
    assert [hurried.get("/healthz").status_code for _ in range(5)] == [200] * 5


def test_guessing_keys_is_slow(hurried):
    assert [hurried.get("/v1/jobs").status_code for _ in range(3)] == [401, 401, 429]


def test_a_spent_quota_is_429_with_a_time(keyed, settings, key, digits_bytes):
    limited = Service.open(settings.model_copy(update={"quota_jobs": 1}))
    client = create_app(limited, settings).test_client()
    mine = key("small")
    model = client.post(
        "/v1/models", data=digits_bytes, headers=mine | {"Content-Type": "application/octet-stream"}
    )
    answers = [client.post("/v1/jobs", headers=mine, json=request(model.json["id"])) for _ in range(2)]
    limited.close()
    assert [a.status_code for a in answers] == [202, 429]
    assert (answers[1].json["code"], "Retry-After" in answers[1].headers) == ("quota-exceeded", True)
