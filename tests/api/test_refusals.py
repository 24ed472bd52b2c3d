"""What does not fit is refused with its place, and nothing of it is enqueued."""

from __future__ import annotations

import json

import numpy as np
import pytest

from explainers import tensors


def tensor(**changes: object) -> list[dict]:
    plain = {"name": "input", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [0.5] * 64}
    return [plain | changes]


def count(http) -> int:
    return len(http.get("/v1/jobs?limit=200").json()["jobs"])


ITEM = tensor()
IMPORTANCE, MAP, CLIMB = (
    {"method": name, "inputs": ITEM}
    for name in ("permutation_importance", "embedding_map", "activation_maximization")
)
CLASSES = {"start": "class_mean", "labels": [3, 4]}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"method": "tea_leaves"}, "/method"),
        ({"params": {"no_such_parameter": 1}}, "/params/no_such_parameter"),
        ({"params": {"explain_inputs": ["nobody"]}}, "/params/explain_inputs/0"),
        ({"method": "occlusion", "params": {"window": -1}}, "/params/window"),
        ({"inputs": tensor(datatype="INT32", data=[1] * 64)}, "/inputs/0"),
        ({"inputs": tensor(datatype="FLOAT")}, "/inputs/0/datatype"),
        ({"inputs": tensor(shape=[1, 64])}, "/inputs/0"),
        ({"inputs": tensor(shape=[1, 1, 8, 9])}, "/inputs/0/data"),
        ({"inputs": tensor(shape=[0, 1, 8, 8], data=[])}, "/inputs/0"),
        ({"inputs": tensor(name="image")}, "/inputs"),
        ({"inputs": []}, "/inputs"),
        ({"inputs": None}, "/inputs"),
        ({"inputs": tensor(data=[float("nan")] + [0.5] * 63)}, "/inputs/0/data/0"),
        ({"inputs": tensor(data=[None] + [0.5] * 63)}, "/inputs/0/data"),
        ({"inputs": {"dataset": "0" * 64}}, "/inputs/dataset"),
        ({"model": "0" * 64}, "/model"),
        ({"target": 10}, "/target/index"),
        ({"target": {"index": [0, 1]}, "inputs": tensor()}, "/target/index"),
        ({"target": {"output": "nothing"}}, "/target/output"),
        ({"target": {"weights": [1.0] * 9}}, "/target/weights"),
        ({"target": {"weights": [[1.0] * 10] * 2}, "inputs": tensor()}, "/target/weights"),
        ({"target": {"weights": [[1.0] * 10, [1.0]]}}, "/target/weights"),
        ({"target": {"weights": [None] * 10}}, "/target/weights"),
        ({"target": {"output": "conv0", "weights": [1.0] * 16}}, "/target/weights"),
        ({"seed": -1}, "/seed"),
        (IMPORTANCE, "/params/labels"),
        (IMPORTANCE | {"params": {"labels": [3, 4]}}, "/params/labels"),
        (IMPORTANCE | {"params": {"labels": [[3, 4]]}}, "/params/labels"),
        (IMPORTANCE | {"params": {"labels": ["three"]}}, "/params/labels"),
        (IMPORTANCE | {"params": {"labels": [None]}}, "/params/labels"),
        (IMPORTANCE | {"params": {"labels": [3], "metric": "r2"}}, "/params/metric"),
        (MAP | {"params": {"labels": [3, 4]}}, "/params/labels"),
        (CLIMB | {"params": CLASSES}, "/params/labels"),
        (CLIMB | {"params": CLASSES | {"data": [[[[0.5] * 8] * 8]]}}, "/params/labels"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else None,
)
def test_a_misfit_is_placed_and_not_enqueued(http, ask, changes, pointer):
    before = count(http)
    answer = ask(**changes)
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert pointer in [e["pointer"] for e in answer.json()["errors"]]
    assert count(http) == before


@pytest.mark.parametrize("weights", [[1.0] * 10, [[1.0] * 10]], ids=["shared", "per-item"])
def test_weights_of_the_explained_shape_are_accepted(ask, weights):
    assert ask(target={"weights": weights}, inputs=tensor()).status_code == 202


def test_nan_in_a_file_is_placed(http, digits):
    bad = np.full((1, 1, 8, 8), np.nan, np.float32)
    request = json.dumps({"model": digits, "method": "gradient"})
    answer = http.post("/v1/jobs", files={"request": (None, request), "input": ("x.npy", npy(bad))})
    assert answer.status_code == 422
    assert [e["pointer"] for e in answer.json()["errors"]] == ["/inputs/input"]


def npy(array: np.ndarray) -> bytes:
    import io

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def test_an_object_array_is_never_unpickled(http, digits):
    request = json.dumps({"model": digits, "method": "gradient"})
    bad = npy(np.array([{"a": 1}], dtype=object))
    answer = http.post("/v1/jobs", files={"request": (None, request), "input": ("x.npy", bad)})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\x00", b"\x89PNG\r\n\x1a\n", b"garbage" * 100, b"\x08\x07"],
    ids=["empty", "nul", "png", "text", "header"],
)
def test_bytes_that_are_no_model(http, garbage):
    answer = http.post("/v1/models", content=garbage, headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "model-unparseable"


def test_a_truncated_model(http, digits_bytes):
    headers = {"Content-Type": "application/octet-stream"}
    for share in (10, 50, 90, 99):
        half = digits_bytes[: len(digits_bytes) * share // 100]
        assert http.post("/v1/models", content=half, headers=headers).status_code == 422


def test_a_card_that_does_not_fit(http, digits_bytes):
    for card in ('{"inputs": {"input": {"kind": "smell"}}}', "{", "[]", '{"inputs": {"nobody": {}}}'):
        files = {"model": digits_bytes, "card": (None, card, "application/json")}
        answer = http.post("/v1/models", files=files)
        assert answer.status_code == 422, (card, answer.text)
        assert answer.json()["errors"][0]["pointer"].startswith("/card")


def test_a_model_without_a_derivative(http, ask, finish, trees):
    x = tensors.encode({"x": np.array([[0.9, 0.1, 0.2]], np.float32)})
    before = count(http)
    answer = ask(model=trees, inputs=x)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["code"] == "operators-without-derivative"
    assert [n["operator"] for n in problem["nodes"]] == ["ai.onnx.ml::TreeEnsembleRegressor"]
    assert [n["node"] for n in problem["nodes"]] == ["the_tree"]
    assert "occlusion" in problem["methods"]
    assert "gradient" not in problem["methods"]
    assert count(http) == before
    assert (
        finish(ask(model=trees, method="occlusion", inputs=x, params={"window": 1}))["state"] == "succeeded"
    )


def test_an_endless_upload_is_cut_off(http):
    headers = {"Content-Type": "application/json"}
    answer = http.post("/v1/jobs", content=(b" " * 1_000_000 for _ in range(80)), headers=headers)
    assert answer.status_code == 413
    # what was refused unread must not be taken for the next request
    assert answer.headers["Connection"] == "close"
    assert http.get("/healthz").status_code == 200


def test_a_small_refusal_keeps_the_connection(http):
    answer = http.post("/v1/jobs", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["Connection"]) == (400, "keep-alive")


def test_one_input_given_twice(http, digits, pixels):
    request = json.dumps(
        {"model": digits, "method": "gradient", "inputs": tensors.encode({"input": pixels[:1]})}
    )
    answer = http.post("/v1/jobs", files={"request": (None, request), "input": ("x.npy", npy(pixels[:1]))})
    assert answer.status_code == 422
    assert "/inputs/input" in [e["pointer"] for e in answer.json()["errors"]]
