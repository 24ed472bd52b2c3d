"""The OpenAPI document is valid, complete, and shows every method's parameters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import cast

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import create_app
from explainers.registry import methods
from workers.service import Service
from workers.settings import Settings

ROUTES = {
    "/v1/models": {"get", "post"},
    "/v1/models/{ref}": {"get", "delete"},
    "/v1/models/{ref}/card": {"put"},
    "/v1/datasets": {"get", "post"},
    "/v1/datasets/{id}": {"get", "delete"},
    "/v1/estimates": {"post"},
    "/v1/jobs": {"get", "post"},
    "/v1/jobs/{id}": {"get", "delete"},
    "/v1/jobs/{id}/events": {"get"},
    "/v1/jobs/{id}/result": {"get"},
    "/v1/jobs/{id}/result.npz": {"get"},
    "/v1/jobs/{id}/items": {"get"},
    "/v1/jobs/{id}/items/{item}.png": {"get"},
    "/v1/jobs/{id}/items/{item}.html": {"get"},
    "/v1/jobs/{id}/picture.png": {"get"},
    "/v1/jobs/{id}/pictures": {"get"},
    "/v1/jobs/{id}/explanation.onnx": {"get"},
    "/v1/jobs/{id}/report.html": {"get"},
    "/v1/jobs/{id}/manifest": {"get"},
    "/v1/methods": {"get"},
    "/v1/methods/{name}": {"get"},
    "/healthz": {"get"},
    "/readyz": {"get"},
    "/metrics": {"get"},
}


@pytest.fixture(scope="module")
def document(app) -> dict:
    return app.test_client().get("/openapi.json").json


@pytest.fixture(scope="module")
def schemas(document) -> dict:
    return document["components"]["schemas"]


def test_it_is_valid_openapi(document):
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_it_has_every_route(document):
    assert {path: set(operations) for path, operations in document["paths"].items()} == ROUTES


def test_every_reference_resolves_and_nothing_is_left_over(document, schemas):
    used = set(re.findall(r"#/components/schemas/([^\"]+)", json.dumps(document)))
    assert used == schemas.keys()


def test_a_job_is_one_of_the_methods(schemas):
    request = schemas["JobRequest"]
    assert request["discriminator"]["propertyName"] == "method"
    assert request["discriminator"]["mapping"].keys() == methods().keys()
    assert {o["$ref"] for o in request["oneOf"]} == set(request["discriminator"]["mapping"].values())


@pytest.mark.parametrize("name", methods())
def test_every_method_shows_its_parameters(name, schemas):
    job = schemas[f"Job_{name}"]["properties"]
    assert job["method"]["const"] == name
    params = schemas[job["params"]["$ref"].rpartition("/")[2]]
    assert params["properties"].keys() == methods()[name].params.model_fields.keys()


def test_every_refusal_is_a_problem_document(document):
    answers = [
        (s, a) for p in document["paths"].values() for o in p.values() for s, a in o["responses"].items()
    ]
    refusals = [a["content"] for s, a in answers if s[0] in "4d"]
    assert refusals
    assert {kind for content in refusals for kind in content} == {"application/problem+json"}


def test_every_operation_but_the_open_ones_asks_for_a_key(document):
    operations = [o for p in document["paths"].values() for o in p.values()]
    assert {o["operationId"] for o in operations if o.get("security") == []} == {"health", "ready"}
    assert document["security"] == [{"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_an_issuer_of_tokens_is_another_way_in(tmp_path):
    issuer = {"oidc_issuer": "https://login.example/x", "oidc_audience": "here"}
    app = create_app(cast(Service, None), Settings(data=tmp_path, **issuer))
    app.extensions["tokens"].close()
    with app.test_request_context():
        found = app.spec
    assert found["security"] == [{"key": []}, {"token": []}]
    token = found["components"]["securitySchemes"]["token"]
    assert token["openIdConnectUrl"] == "https://login.example/x/.well-known/openid-configuration"
    OpenAPIV31SpecValidator(json.loads(json.dumps(found))).validate()


def test_every_operation_has_a_name_of_its_own(document):
    names = [o["operationId"] for p in document["paths"].values() for o in p.values()]
    assert len(names) == len(set(names)) == sum(map(len, ROUTES.values()))


def test_files_may_come_as_parts(document):
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]
    assert (
        body["multipart/form-data"]["schema"]["properties"]["request"] == body["application/json"]["schema"]
    )


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_is_shown_with_curl(path):
    page = (Path(__file__).resolve().parents[2] / "docs" / "http.md").read_text()
    pattern = re.sub(r"\\\{\w+\\\}", r"[^/\\s\"'`]+", re.escape(path))
    assert re.search(rf"(\$URL|`){pattern}[\s\"'`;?/]", page)
