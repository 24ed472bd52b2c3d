"""Every refusal is a problem document that names the fault and nothing of the inside."""

from __future__ import annotations

import re

import pytest

INSIDE = re.compile(
    r"Traceback|\.py\b|/tmp|site-packages|werkzeug|pydantic|sqlalchemy|NoneType", re.IGNORECASE
)


def assert_problem(answer, status: int) -> dict:
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.mimetype == "application/problem+json"
    body = answer.json
    assert body.keys() >= {"type", "title", "status", "detail", "instance", "code"}
    assert body["status"] == status
    assert body["detail"]
    assert body["instance"] == f"urn:uuid:{answer.headers['X-Request-Id']}"
    assert not INSIDE.search(answer.get_data(as_text=True))
    return body


def test_an_unknown_address(client):
    assert "openapi.json" in assert_problem(client.get("/v1/nothing"), 404)["detail"]


def test_an_unknown_method_of_an_address(client):
    answer = client.put("/v1/jobs")
    assert_problem(answer, 405)
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_an_unknown_media_type(client):
    for path in ("/v1/jobs", "/v1/models", "/v1/datasets"):
        assert_problem(client.post(path, data=b"x", content_type="application/x-pickle"), 415)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/datasets"])
def test_a_body_above_the_limit(client, path):
    answer = client.post(path, data=b"x" * 6_000_000, content_type="application/octet-stream")
    assert_problem(answer, 413)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"a": 1, "a": 2}',
        b'{"seed": 1e999}',
        b'{"seed": ' + b"9" * 5000 + b"}",
        b"\xff\xfe{",
    ],
)
def test_json_that_no_honest_client_writes(client, body):
    problem = assert_problem(client.post("/v1/jobs", data=body, content_type="application/json"), 400)
    assert problem["code"] == "malformed-json"


@pytest.mark.parametrize("body", ["[]", "null", "1", '"x"', "true"])
def test_json_that_is_no_job(client, body):
    assert_problem(client.post("/v1/jobs", data=body, content_type="application/json"), 422)


def test_faults_of_the_query_have_pointers(client):
    problem = assert_problem(client.get("/v1/jobs?limit=0&state=asleep&nonsense=1"), 422)
    assert {e["pointer"] for e in problem["errors"]} == {"/limit", "/state", "/nonsense"}


@pytest.mark.parametrize("cursor", ["x", "eyJ4IjoxfQ", "%00", "9" * 900])
def test_a_cursor_of_nobody(client, cursor):
    assert_problem(client.get(f"/v1/jobs?cursor={cursor}"), 422)


def test_a_key_that_no_header_should_carry(client):
    headers = {"Idempotency-Key": "k" * 300}
    assert_problem(client.post("/v1/jobs", json={"model": "m", "method": "gradient"}, headers=headers), 400)


def test_an_event_id_that_is_none(client):
    assert_problem(client.get("/v1/jobs/x/events", headers={"Last-Event-ID": "-1"}), 400)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs/{}",
        "/v1/jobs/{}/events",
        "/v1/jobs/{}/result",
        "/v1/jobs/{}/result.npz",
        "/v1/jobs/{}/items/0.png",
        "/v1/jobs/{}/manifest",
        "/v1/models/{}",
        "/v1/datasets/{}",
    ],
)
@pytest.mark.parametrize(
    "id", ["0" * 64, "nobody", "%2e%2e", "%252e%252e%252f", "..%2f..%2fledger.db", "A-B", "x%00y", "%27--"]
)
def test_ids_of_nobody(client, path, id):
    assert client.get(path.format(id)).status_code == 404
    assert_problem(client.get(path.format(id)), 404)


def test_a_foreign_host_name(client):
    assert_problem(client.get("/v1/jobs", headers={"Host": "evil.example"}), 400)


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_pages_of_other_sites_may_not_ask(client, headers):
    assert assert_problem(client.get("/v1/jobs", headers=headers), 403)["code"] == "foreign-origin"


def test_our_own_page_may_ask(client):
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.get("/v1/jobs", headers=headers).status_code == 200


def test_our_own_fault_says_nothing_of_the_inside(app, caplog):
    with app.test_request_context("/"):
        app.preprocess_request()
        answer = app.handle_user_exception(RuntimeError("secret of /tmp/x.py"))
    assert "secret" not in answer.get_data(as_text=True)
    assert "secret" in caplog.text
