"""The whole way of a job over HTTP: upload, submit, follow, fetch."""

from __future__ import annotations

import base64
import hashlib
import io
import json

import numpy as np
import pytest

import explainers
from explainers.types import Explanation


@pytest.fixture(scope="module")
def done(ask, finish) -> dict:
    job = finish(ask())
    assert job["state"] == "succeeded", job
    return job


@pytest.fixture(scope="module")
def arrays(http, done) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(http.get(f"/v1/jobs/{done['id']}/result.npz").content)) as npz:
        return dict(npz)


def test_the_model_is_described(http, digits):
    model = http.get(f"/v1/models/{digits}").json()
    assert [s["name"] for s in model["inputs"]] == ["input"]
    assert model["families"]["backward"]["supported"] is True
    assert model["card"]["inputs"]["input"]["layout"] == "NCHW"


def test_the_same_bytes_are_the_same_model(http, digits, digits_bytes):
    again = http.post(
        "/v1/models", content=digits_bytes, headers={"Content-Type": "application/octet-stream"}
    )
    assert (again.status_code, again.json()["id"]) == (200, digits)
    assert again.headers["Location"] == f"/v1/models/{digits}"
    assert again.json()["card"]["inputs"]["input"]["layout"] == "NCHW"


def test_an_accepted_job_says_where_it_is(ask):
    answer = ask()
    assert answer.status_code == 202
    assert answer.headers["Location"] == answer.json()["links"]["self"] == f"/v1/jobs/{answer.json()['id']}"
    assert int(answer.headers["Retry-After"]) >= 1


def test_the_result_has_its_account(http, done):
    result = http.get(f"/v1/jobs/{done['id']}/result").json()
    assert result["account"]["method"] == "gradient"
    assert result["account"]["items"] == 2
    assert {a["name"]: a["shape"] for a in result["arrays"]}["attribution.input"] == [2, 1, 8, 8]
    assert result["failures"] == []


def test_the_arrays_equal_those_of_the_engine(arrays, digits_bytes, pixels):
    here = explainers.explain(explainers.load(digits_bytes), pixels[:2], method="gradient")
    np.testing.assert_allclose(arrays["attribution.input"], here.attributions["input"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(arrays["output.logits"], here.outputs["logits"], rtol=1e-5, atol=1e-6)


def test_the_arrays_carry_the_account(arrays, http, done):
    account = http.get(f"/v1/jobs/{done['id']}/result").json()["account"]
    assert json.loads(str(arrays["meta"]))["score"] == account["score"]


def test_the_engine_reads_the_file(http, done, tmp_path):
    (tmp_path / "x.npz").write_bytes(http.get(f"/v1/jobs/{done['id']}/result.npz").content)
    assert Explanation.load(tmp_path / "x.npz").account.method == "gradient"


def test_the_arrays_come_with_their_digest(http, done):
    answer = http.get(f"/v1/jobs/{done['id']}/result.npz")
    digest = hashlib.sha256(answer.content).digest()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert http.get(f"/v1/jobs/{done['id']}/result").json()["digest"] == digest.hex()


def test_a_part_of_the_arrays_can_be_asked_for(http, done):
    answer = http.get(f"/v1/jobs/{done['id']}/result.npz", headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer.content) == (206, b"PK\x03\x04")


def test_every_item_has_a_picture(http, done):
    for item in range(2):
        answer = http.get(f"/v1/jobs/{done['id']}/items/{item}.png")
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.content.startswith(b"\x89PNG")
    assert http.get(f"/v1/jobs/{done['id']}/items/2.png").status_code == 404


def test_the_manifest_is_enough_to_run_it_again(http, done, digits):
    manifest = http.get(f"/v1/jobs/{done['id']}/manifest").json()
    text = json.dumps(manifest)
    assert digits in text
    assert {"method", "params", "seed", "versions"} <= manifest.keys()
    assert "/" not in str(manifest["model"])


def test_a_data_set_is_explained(http, ask, finish, pixels):
    buffer = io.BytesIO()
    np.savez(buffer, input=pixels)
    answer = http.post("/v1/datasets", files={"file": ("digits.npz", buffer.getvalue())})
    assert answer.status_code in (200, 201), answer.text
    assert answer.json()["items"] == len(pixels)
    job = finish(ask(inputs={"dataset": answer.json()["id"]}))
    assert (job["state"], job["items"]) == ("succeeded", len(pixels))


def test_inputs_may_be_files(http, digits, finish, pixels):
    buffer = io.BytesIO()
    np.save(buffer, pixels[:3])
    request = json.dumps({"model": digits, "method": "occlusion", "target": 3})
    parts = {"request": (None, request, "application/json"), "input": ("three.npy", buffer.getvalue())}
    job = finish(http.post("/v1/jobs", files=parts))
    assert (job["state"], job["items"], job["target"]["index"]) == ("succeeded", 3, 3)


def test_a_finished_job_is_deleted_once(http, ask, finish):
    address = finish(ask(seed=77))["links"]["self"]
    assert http.delete(address).status_code == 204
    assert http.get(f"{address}/result").status_code == 410


def test_a_model_by_name_and_version(http, digits_bytes, digits):
    headers = {"Content-Type": "application/octet-stream"}
    http.post("/v1/models?name=digits", content=digits_bytes, headers=headers)
    assert http.get("/v1/models/digits").json()["id"] == digits
    assert "digits:1" in http.get("/v1/models/digits:1").json()["names"]
