"""Searches over HTTP and from the command line: no inputs, a decoder by name or by file, and the best of a cancelled one."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
from click.testing import CliRunner

import explainers
from explainers.cli import main
from explainers.client import Client
from explainers.types import Card, Explanation

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "digits"
METHOD = "activation_maximization"
MODEL, CARD, DECODER = (str(EXAMPLES / n) for n in ("digits.onnx", "digits.card.json", "decoder.onnx"))


def arrays_of(http, job):
    answer = http.get(f"/v1/jobs/{job['id']}/result.npz")
    assert answer.status_code == 200, answer.text
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as npz:
        return {n: npz[n] for n in npz.files if n != "meta"}


def test_ten_prototypes_come_without_inputs(http, digits, finish):
    asked = {"model": digits, "method": METHOD, "params": {"steps": 20}, "target": {"index": list(range(10))}}
    job = finish(http.post("/v1/jobs", json=asked))
    assert job["state"] == "succeeded", job
    found = arrays_of(http, job)
    model = explainers.load(MODEL, Card.model_validate_json(Path(CARD).read_bytes()))
    here = explainers.explain(model, None, METHOD, {"steps": 20})

    np.testing.assert_allclose(found["prototype.input"], here.arrays["prototype.input"], atol=1e-3)
    assert found["curve"].shape == (20, 10)


def test_a_decoder_that_nobody_uploaded_is_refused_with_its_place(http, digits):
    asked = {"model": digits, "method": METHOD, "params": {"generator": DECODER}}
    answer = http.post("/v1/jobs", json=asked)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/params/generator"


def test_a_decoder_that_does_not_fit_fails_the_job_with_both_sides(http, digits, finish):
    asked = {"model": digits, "method": METHOD, "params": {"generator": digits}}
    job = finish(http.post("/v1/jobs", json=asked))

    assert job["state"] == "failed"
    assert "turns input float32[N, 1, 8, 8] into logits float32[N, 10]" in job["error"]["detail"]


def test_the_result_of_a_cancelled_search_is_the_best_so_far(http, digits):
    asked = {"model": digits, "method": METHOD, "params": {"steps": 100_000}, "target": {"index": 3}}
    address = http.post("/v1/jobs", json=asked).headers["Location"]
    while http.get(address).json()["progress"]["unit"] != "steps":
        time.sleep(0.05)
    assert http.delete(address).json()["state"] == "cancelled"
    while "result" not in (job := http.get(address).json())["links"]:
        time.sleep(0.05)

    assert job["state"] == "cancelled"
    assert http.get(job["links"]["result"]).json()["account"]["facts"]["cancelled"].startswith("after ")
    assert arrays_of(http, job)["prototype.input"].shape == (1, 1, 8, 8)


def test_explain_wants_no_input_and_takes_a_decoder_s_path(tmp_path):
    out = tmp_path / "x.npz"
    words = ["explain", MODEL, "--card", CARD, "--method", METHOD, "--param", f"generator={DECODER}",
             "--param", "steps=20", "--target", "[3, 5]", "--out", str(out)]  # fmt: skip
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    found = Explanation.load(out)

    assert found.arrays["code"].shape == (2, 10)
    assert found.account.index == [3, 5]


def test_submit_uploads_the_decoder_that_a_parameter_names(url, http):
    words = ["submit", MODEL, "--card", CARD, "--method", METHOD, "--param", f"generator={DECODER}",
             "--param", "steps=20", "--target", "4", "--server", url]  # fmt: skip
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    with Client(url) as client:
        job = client.wait(done.stdout.split()[-1])

    assert job["state"] == "succeeded", job
    assert arrays_of(http, job)["code"].shape == (1, 10)
