"""Every operation of the OpenAPI document is asked what its schema allows and forbids: schemathesis on the real service."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import (
    ChecksConfig,
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.specs.openapi.checks import negative_data_rejection
from schemathesis.specs.openapi.schemas import OpenApiSchema

from api.app import create_app
from explainers import tensors
from workers.service import Service
from workers.settings import Settings

# the test's transport leaves files of answers to the collector
pytestmark = pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnraisableExceptionWarning")
MENDABLE = ["2xx", 400, 404, 409, 410, 413, 415, 422, 503]
"""Answers to what the schema allows: whether ids, tensors, files and headers fit each other, no schema can say."""
ALL = ["read", "submit", "models", "admin"]


# the document needs no service, and tests are made of it before there is one: the fixture puts it in
LIMITS = {"model_bytes": 4_000_000, "input_bytes": 2_000_000, "request_rate": "", "refused_rate": ""}
APP = create_app(cast(Service, None), Settings(data=Path(tempfile.mkdtemp(prefix="oxp-schema-")), **LIMITS))
KNOWN: dict[str, str] = {}
ANSWERED: set[int] = set()


def configured(examples: int, phases: PhasesConfig) -> SchemathesisConfig:
    checks = ChecksConfig(positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=MENDABLE))
    generation = GenerationConfig(max_examples=examples, deterministic=True, database="none")
    project = ProjectConfig(checks=checks, generation=generation, phases=phases)
    return SchemathesisConfig(seed=1, projects=ProjectsConfig(default=project))


@pytest.fixture(scope="module")
def headers(make_stack, mlp_bytes) -> Iterator[dict[str, str]]:
    """The headers of a key, on a service with a worker, a model, a data set and a finished job."""
    service = make_stack(run_seconds=10.0, **LIMITS).service
    APP.extensions["service"] = service
    _, key = service.keys.create("acme", "schema", ALL)
    web, headers = APP.test_client(), {"Authorization": f"Bearer {key}"}
    octets = headers | {"Content-Type": "application/octet-stream"}
    model = web.post("/v1/models?name=known", data=mlp_bytes, headers=octets).json["id"]
    dataset = web.post("/v1/datasets", data=saved(), headers=octets).json["id"]
    inputs = tensors.encode({"input": np.ones((2, 4), "f4")})
    asked = {"model": model, "method": "gradient", "inputs": inputs}
    job = web.post("/v1/jobs", json=asked, headers=headers | {"Prefer": "wait=60"}).json
    assert job["state"] == "succeeded"
    KNOWN.update(models=model, datasets=dataset, jobs=job["id"])
    yield headers
    shutil.rmtree(APP.extensions["settings"].data, ignore_errors=True)


def saved() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones((2, 4), "f4"))
    return file.getvalue()


def document(examples: int, **phases: CoveragePhaseConfig) -> OpenApiSchema:
    with APP.test_request_context():
        text = json.loads(json.dumps(APP.spec))
    found = schemathesis.openapi.from_dict(text, config=configured(examples, PhasesConfig(**phases)))
    found.app, found.location = APP, "/openapi.json"
    found.hook(map_path_parameters)
    found.hook(map_body)
    return found


def map_path_parameters(context, path_parameters):
    """Take half of the ids from what is there: other routes than 404 must be walked."""
    path, method = context.operation.path, context.operation.method
    noun = path.split("/")[2] if path.startswith("/v1/") else ""
    for name, value in (path_parameters or {}).items():
        if name in ("id", "ref") and noun in KNOWN and method != "delete" and len(str(value)) % 2:
            path_parameters[name] = KNOWN[noun]
    return path_parameters


def map_body(context, body):
    """Let half of the jobs be about the known model, with inputs that fit: the others end at an unknown name."""
    if context.operation.path == "/v1/jobs" and isinstance(body, dict) and len(str(body)) % 2:
        body["model"] = KNOWN["models"]
        body["inputs"] = tensors.encode({"input": np.ones((1, 4), "f4")})
    return body


@schemathesis.serializer(
    "application/vnd.apache.parquet", "application/x-npy", "application/x-npz", "application/zip"
)
def as_it_is(_context, value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


most = document(20).exclude(operation_id=["job_events", "submit_job"])
# every method has its parameters in the schema of a job: all their corners are many thousands, so that chance picks some
jobs = document(150, coverage=CoveragePhaseConfig(enabled=False)).include(operation_id="submit_job")
patient = settings(deadline=None, suppress_health_check=list(HealthCheck))


@most.parametrize()
@patient
def test_every_operation_answers_as_its_schema_says(case, headers):
    # what is in a file of bytes, its schema cannot say
    files = case.operation.label in ("POST /v1/datasets", "POST /v1/models")
    case.call_and_validate(headers=headers, excluded_checks=[negative_data_rejection] if files else [])


@jobs.parametrize()
@patient
def test_a_job_is_answered_as_its_schema_says(case, headers):
    # the hook may mend what was wrong on purpose
    answer = case.call_and_validate(headers=headers, excluded_checks=[negative_data_rejection])
    ANSWERED.add(answer.status_code)


def test_chance_found_jobs_to_accept_and_jobs_to_refuse():
    assert {202, 400, 401, 422} <= ANSWERED
