"""What looks inside a model, over HTTP: the arrays are those that the engine gives in this process."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from reference.attending import SelfAttention

import explainers
from benchmarks.networks import to_onnx
from explainers.client import Client

ROOT = Path(__file__).resolve().parents[2]

CASES = {
    "top_activations": {"layer": "relu0", "top": 3, "project": "deconvnet"},
    "activations": {"layer": ["relu0", "logits"]},
    "embedding_map": {"method": "pca", "labels": [0, 1, 2, 3, 4, 5]},
}


def arrays_of(http, job):
    answer = http.get(f"/v1/jobs/{job['id']}/result.npz")
    assert answer.status_code == 200, answer.text
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as npz:
        return {n: npz[n] for n in npz.files if n != "meta"}


def posted(http, model, method, params, x):
    buffer = io.BytesIO()
    np.save(buffer, x)
    asked = {"model": model, "method": method, "params": params}
    files = {"request": (None, json.dumps(asked)), "input": ("x.npy", buffer.getvalue())}
    return http.post("/v1/jobs", files=files)


def same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, a in wanted.items():
        if a.dtype.kind == "f":
            np.testing.assert_allclose(found[name], a, rtol=1e-4, atol=1e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], a, err_msg=name)


@pytest.mark.parametrize("method", CASES)
def test_a_job_gives_what_the_engine_gives(http, digits, digits_bytes, pixels, finish, method):
    job = finish(posted(http, digits, method, CASES[method], pixels))
    assert job["state"] == "succeeded", job

    same(
        arrays_of(http, job),
        explainers.explain(explainers.load(digits_bytes), pixels, method, CASES[method]).arrays,
    )


def test_attention_maps_come_over_http(http, finish):
    torch.manual_seed(0)
    x = torch.randn(5, 4, 8)
    data = to_onnx(SelfAttention().eval(), x)
    made = http.post("/v1/models", content=data, headers={"Content-Type": "application/octet-stream"})
    job = finish(posted(http, made.json()["id"], "attention", {"gradient": True}, x.numpy()))
    assert job["state"] == "succeeded", job

    found = arrays_of(http, job)
    same(found, explainers.explain(explainers.load(data), x.numpy(), "attention", {"gradient": True}).arrays)
    assert found["rollout"].shape == (5, 4, 4)


def test_a_layer_that_does_not_exist_is_said_with_those_that_do(http, digits, pixels, finish):
    job = finish(posted(http, digits, "top_activations", {"layer": "relu9"}, pixels))

    assert job["state"] == "failed"
    assert job["error"]["code"] == "tensor-unknown"
    assert "its layers with weights give: relu0, relu1, logits" in job["error"]["detail"]


def test_weights_come_without_inputs(http, digits, digits_bytes, finish):
    job = finish(
        http.post("/v1/jobs", json={"model": digits, "method": "filters", "params": {"layer": "conv0"}})
    )
    assert job["state"] == "succeeded", job

    same(
        arrays_of(http, job),
        explainers.explain(explainers.load(digits_bytes), None, "filters", {"layer": "conv0"}).arrays,
    )
    assert (
        http.get(f"/v1/jobs/{job['id']}/result").json()["account"]["facts"]["layers"]["conv0"]["operator"]
        == "Conv"
    )
    assert http.get(f"/v1/jobs/{job['id']}/manifest").json()["inputs"] == {}


def test_a_prototype_comes_without_inputs(http, digits, finish):
    asked = {
        "model": digits,
        "method": "activation_maximization",
        "params": {"steps": 5},
        "target": {"index": 3},
    }
    job = finish(http.post("/v1/jobs", json=asked))
    assert job["state"] == "succeeded", job

    assert arrays_of(http, job)["prototype.input"].shape[1:] == (1, 8, 8)


def test_the_client_asks_without_inputs(url, http, digits, finish):
    with Client(url) as client:
        job = client.submit(digits, "filters", params={"layer": "conv1"})
    while http.get(f"/v1/jobs/{job['id']}").json()["state"] in ("queued", "running"):
        time.sleep(0.05)

    assert list(arrays_of(http, job)) == ["filter.conv1"]


def test_an_uploaded_data_set_is_searched(http, digits, digits_bytes, finish):
    file = ROOT / "examples" / "digits" / "heldout.npz"
    made = http.post("/v1/datasets", files={"file": ("heldout.npz", file.read_bytes())})
    assert made.status_code in (200, 201), made.text
    params = {"layer": "relu1", "top": 4, "units": [0, 5]}
    asked = {
        "model": digits,
        "method": "top_activations",
        "params": params,
        "inputs": {"dataset": made.json()["id"]},
    }
    job = finish(http.post("/v1/jobs", json=asked))
    assert job["state"] == "succeeded", job

    with np.load(file) as held:
        wanted = explainers.explain(
            explainers.load(digits_bytes), held["input"], "top_activations", params
        ).arrays
    same(arrays_of(http, job), wanted)
