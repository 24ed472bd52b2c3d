"""Two tenants on a running service: of one's finished work the other sees nothing, through any route, figure, error or cache."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from api.app import create_app
from explainers import tensors

EVERYTHING = ["read", "submit", "models", "admin"]
INPUTS = tensors.encode({"input": np.full((2, 4), 0.5, "f4")})


@pytest.fixture(scope="module")
def web(make_stack) -> FlaskClient:
    stack = make_stack(request_rate="", refused_rate="")
    return create_app(stack.service, stack.settings).test_client()


@pytest.fixture(scope="module")
def keys(web) -> dict[str, dict[str, str]]:
    made = web.application.extensions["service"].keys
    texts = {tenant: made.create(tenant, "", EVERYTHING)[1] for tenant in ("acmecorp", "zetacorp")}
    return {tenant: {"Authorization": f"Bearer {text}"} for tenant, text in texts.items()}


def made(web: FlaskClient, headers: dict[str, str], model: bytes) -> dict[str, Any]:
    """Upload and run the same things as whoever does this too, under the same names and keys."""
    octets = headers | {"Content-Type": "application/octet-stream"}
    first = web.post("/v1/models?name=secretname", data=model, headers=octets)
    data = web.post(
        "/v1/datasets", data=b"a,b,c,d\n1,2,3,4\n", headers=headers | {"Content-Type": "text/csv"}
    )
    asked = {"model": "secretname", "method": "gradient", "inputs": INPUTS}
    job = web.post("/v1/jobs", json=asked, headers=headers | {"Prefer": "wait=60", "Idempotency-Key": "one"})
    assert job.json["state"] == "succeeded"
    return {"new": (first.status_code, data.status_code), "models": first.json["id"], "datasets": data.json["id"],
            "jobs": job.json["id"], "cached": job.json["cached"]}  # fmt: skip


@pytest.fixture(scope="module")
def owned(web, keys, mlp_bytes) -> dict[str, Any]:
    return made(web, keys["acmecorp"], mlp_bytes)


def operations(web: FlaskClient) -> list[tuple[str, str]]:
    return [(p, m) for p, path in web.get("/openapi.json").json["paths"].items() for m in path]


def ask(web: FlaskClient, path: str, method: str, id: str, headers: dict[str, str]) -> tuple[int, str]:
    """Return an answer, without what differs from one request to the next and the id that was asked for."""
    address = re.sub(r"\{(ref|id)\}", id, path).format(item=0, name="gradient", view="x", format="png")
    answer = web.open(
        address, method=method, headers=headers, json={} if method in ("post", "put", "patch") else None
    )
    text = answer.get_data(as_text=True).replace(id, "ID")
    return answer.status_code, re.sub(r"urn:uuid:[0-9a-f-]+", "", text)


NOWHERE = {"jobs": "01a1fa8c-6374-7add-b029-a66e1784518e", "models": "0" * 64, "datasets": "0" * 64}


def test_every_route_answers_of_anothers_things_as_of_none(web, keys, owned):
    walked = 0
    for path, method in operations(web):
        noun = path.split("/")[2] if path.startswith("/v1/") else ""
        if "{" not in path or noun not in NOWHERE:
            continue
        there = ask(web, path, method, owned[noun], keys["zetacorp"])
        assert there == ask(web, path, method, NOWHERE[noun], keys["zetacorp"]), (method, path)
        assert there[0] in (404, 422), (method, path, there)
        walked += 1
    assert walked >= 11
    # and whatever was tried, it is all still there
    for noun in NOWHERE:
        assert web.get(f"/v1/{noun}/{owned[noun]}", headers=keys["acmecorp"]).status_code == 200
    assert web.get(f"/v1/jobs/{owned['jobs']}/result", headers=keys["acmecorp"]).status_code == 200


def test_lists_and_figures_name_nobody(web, keys, owned):
    secrets = [owned["models"], owned["datasets"], owned["jobs"], "secretname", "acmecorp"]
    for path, method in operations(web):
        if method != "get" or "{" in path:
            continue
        text = web.get(path, headers=keys["zetacorp"]).get_data(as_text=True)
        assert not [s for s in secrets if s in text], path
    assert b"onnxplain_jobs" in web.get("/metrics", headers=keys["zetacorp"]).data


BODIES = {
    "a model": ("/model", {"model": "$models"}), "a model by its name": ("/model", {"model": "$name"}),
    "a data set": ("/inputs/dataset", {"inputs": {"dataset": "$datasets"}}),
    "a background": ("/params/background/dataset", {"params": {"background": {"dataset": "$datasets"}}}),
    "an earlier job": ("/inputs/job", {"inputs": {"job": "$jobs"}}),
}  # fmt: skip


@pytest.fixture(scope="module")
def own(web, keys, make_mlp) -> str:
    """A model that only the other has."""
    octets = keys["zetacorp"] | {"Content-Type": "application/octet-stream"}
    return web.post("/v1/models", data=make_mlp(seed=5), headers=octets).json["id"]


def asked(web, headers, model: str, changes: dict[str, Any], known: dict[str, str]) -> tuple[int, str]:
    """Return the answer to a job of things that are known by these ids, without the ids."""
    body = json.dumps({"model": model, "method": "kernel_shap", "inputs": INPUTS} | changes)
    body = re.sub(r"\$(\w+)", lambda m: known[m[1]], body)
    answer = web.post("/v1/jobs", data=body, content_type="application/json", headers=headers)
    text = answer.get_data(as_text=True)
    for value in known.values():
        text = text.replace(value, "ID")
    return answer.status_code, re.sub(r"urn:uuid:[0-9a-f-]+", "", text)


@pytest.mark.parametrize(("pointer", "changes"), BODIES.values(), ids=BODIES)
def test_a_job_cannot_be_made_of_anothers_things(web, keys, owned, own, pointer, changes):
    theirs = {k: owned[k] for k in NOWHERE} | {"name": "secretname"}
    there = asked(web, keys["zetacorp"], own, changes, theirs)
    assert there == asked(web, keys["zetacorp"], own, changes, NOWHERE | {"name": "nosuchname"})
    assert there[0] == 422
    assert [e["pointer"] for e in json.loads(there[1])["errors"]] == [pointer]
    # whose things they are may, so that nothing else was wrong with it
    assert asked(web, keys["acmecorp"], "secretname", changes, theirs)[0] == 202


def test_the_same_again_by_another_is_new_and_no_cache_tells(web, keys, owned, mlp_bytes):
    again = made(web, keys["zetacorp"], mlp_bytes)
    assert again["new"] == (201, 201)
    assert again["cached"] is False
    assert again["jobs"] != owned["jobs"]
    assert (again["models"], again["datasets"]) == (owned["models"], owned["datasets"])
    # one's own is remembered
    mine = made(web, keys["zetacorp"], mlp_bytes)
    assert (mine["new"], mine["jobs"]) == ((200, 200), again["jobs"])


def test_what_one_removes_stays_with_the_other(web, keys, owned):
    assert web.delete(f"/v1/jobs/{owned['jobs']}", headers=keys["acmecorp"]).status_code == 204
    found = web.get("/v1/jobs?state=succeeded", headers=keys["zetacorp"]).json["jobs"]
    with web.get(f"/v1/jobs/{found[0]['id']}/result.npz", headers=keys["zetacorp"]) as arrays:
        assert arrays.status_code == 200
    assert web.get("/v1/models/secretname", headers=keys["zetacorp"]).status_code == 200


def test_bytes_that_only_another_keeps_are_as_gone_as_any(web, keys, make_mlp):
    """The model of a finished job is forgotten; whether somebody else has the same must not show."""
    told = []
    for number, another in enumerate((True, False)):
        model = make_mlp(seed=100 + number)
        octets = {"Content-Type": "application/octet-stream"}
        if another:
            web.post("/v1/models", data=model, headers=keys["zetacorp"] | octets)
        mine = web.post("/v1/models", data=model, headers=keys["acmecorp"] | octets).json["id"]
        body = {"model": mine, "method": "gradient", "inputs": INPUTS}
        job = web.post("/v1/jobs", json=body, headers=keys["acmecorp"] | {"Prefer": "wait=60"}).json
        assert job["state"] == "succeeded"
        assert web.delete(f"/v1/models/{mine}", headers=keys["acmecorp"]).status_code == 204
        found = web.get(f"/v1/jobs/{job['id']}/explanation.onnx", headers=keys["acmecorp"])
        told.append((found.status_code, found.json and found.json["detail"]))
    assert told[0] == told[1]
    assert told[0][0] == 410
