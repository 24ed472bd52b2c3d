"""Every answer is strict towards browsers and has an id of its own."""

from __future__ import annotations

import pytest

PATHS = ["/", "/v1/methods", "/v1/jobs", "/openapi.json", "/nothing", "/web/page.css"]


@pytest.mark.parametrize("path", PATHS)
def test_security_headers(client, path):
    with client.get(path) as answer:
        headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers


def test_every_request_has_its_own_id(client):
    forged = {"X-Request-Id": "mine"}
    ids = {client.get("/v1/methods", headers=forged).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
    assert "mine" not in ids


def test_answers_are_not_stored(client):
    assert client.get("/v1/methods").headers["Cache-Control"] == "no-store"
