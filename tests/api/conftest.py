"""Two services: an app on a real ledger without workers, for what needs no run; and the whole one, over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from flask.testing import FlaskClient
from onnx import TensorProto, helper
from reference.patience import PATIENCE

from api.app import create_app
from explainers import tensors
from workers.service import Service
from workers.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "digits"
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="session")
def quiet_service(tmp_path_factory) -> Iterator[Service]:
    """A service whose broker never answers: jobs are accepted and wait in the ledger."""
    settings = Settings(
        data=tmp_path_factory.mktemp("quiet"), redis_url=NOBODY, model_bytes=4_000_000, input_bytes=2_000_000
    )
    service = Service.open(settings)
    yield service
    service.close()


@pytest.fixture(scope="session")
def app(quiet_service, tmp_path_factory):
    settings = Settings(
        data=tmp_path_factory.mktemp("web"), redis_url=NOBODY, model_bytes=4_000_000, input_bytes=2_000_000
    )
    return create_app(quiet_service, settings)


@pytest.fixture
def client(app) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def http(url) -> Iterator[httpx.Client]:
    """A plain HTTP client of the running service."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def digits_bytes() -> bytes:
    return (EXAMPLES / "digits.onnx").read_bytes()


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    with np.load(EXAMPLES / "heldout.npz") as held:
        return held["input"][:6]


@pytest.fixture(scope="session")
def digits(http, digits_bytes) -> str:
    """Id of the digit classifier in the running service."""
    card = (EXAMPLES / "digits.card.json").read_bytes()
    answer = http.post(
        "/v1/models", files={"model": digits_bytes, "card": ("card.json", card, "application/json")}
    )
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


@pytest.fixture(scope="session")
def trees(http) -> str:
    """Id of a model that no derivative goes through: a regression tree between two matrices."""
    answer = http.post(
        "/v1/models", content=tree_model(), headers={"Content-Type": "application/octet-stream"}
    )
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


def tree_model() -> bytes:
    """Return a stump: 2.0 where the first feature is above 0.5, else -1.0."""
    tree = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        name="the_tree",
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_values=[0.5, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        nodes_hitrates=[1.0, 1.0, 1.0],
        nodes_missing_value_tracks_true=[0, 0, 0],
        target_treeids=[0, 0],
        target_nodeids=[1, 2],
        target_ids=[0, 0],
        target_weights=[-1.0, 2.0],
    )
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(
        helper.make_graph([tree], "stump", [x], [y]), opset_imports=opsets, ir_version=8
    )
    return model.SerializeToString()


@pytest.fixture(scope="session")
def ask(http, digits, pixels):
    """Return a function that posts a job; what it is not told is the plain gradient of two digits."""

    def post(headers: dict[str, str] | None = None, **changes: object) -> httpx.Response:
        tensor = tensors.encode({"input": pixels[:2]})
        body = {"model": digits, "method": "gradient", "inputs": tensor, "priority": "interactive"} | changes
        return http.post(
            "/v1/jobs",
            content=json.dumps(body),
            headers={"Content-Type": "application/json", **(headers or {})},
        )

    return post


@pytest.fixture(scope="session")
def finish(http):
    """Return a function that waits for a job's end and returns it."""

    def wait(answer: httpx.Response) -> dict:
        assert answer.status_code in (200, 202), answer.text
        address, end = answer.headers["Location"], time.monotonic() + PATIENCE
        while (job := http.get(address).json())["state"] in ("queued", "running"):
            assert time.monotonic() < end, job
            time.sleep(0.05)
        return job

    return wait
