"""Methods, models and classes beside each other on one input, with the rank correlation of each pair."""

from __future__ import annotations

import io

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.stats import spearmanr

from benchmarks.page import DIGITS


@pytest.fixture(scope="module")
def retrained(http) -> str:
    """Id of a model that answers somewhat otherwise than the digit model."""
    model = onnx.load(DIGITS)
    rng = np.random.default_rng(0)
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.ndim > 1:
            noise = 0.2 * values.std() * rng.normal(size=values.shape)
            weight.CopyFrom(numpy_helper.from_array((values + noise).astype("f4"), weight.name))
    files = {"model": model.SerializeToString()}
    return http.post("/v1/models?name=digits-retrained", files=files).json()["id"]


def done(http, model: str, method: str = "input_x_gradient", **inputs) -> str:
    body = {"model": model, "method": method, **inputs}
    return http.post("/v1/jobs", json=body, headers={"Prefer": "wait=60"}).json()["id"]


def attributions(http, job: str, item: int = 0) -> np.ndarray:
    stored = np.load(io.BytesIO(http.get(f"/v1/jobs/{job}/result.npz").content), allow_pickle=False)
    return next(stored[name] for name in stored.files if name.startswith("attribution."))[item].ravel()


def beside(page) -> str:
    """Add the chosen one, wait for its picture, and return its job."""
    before = page.locator(".compared figure:has(button)").count()
    page.click("text=Add beside")
    page.wait_for_function(
        "(n) => document.querySelectorAll('.compared figure .value, .compared figure .chart').length > n",
        arg=before,
    )
    return page.url.rpartition("jobs=")[2].partition("&")[0].replace("%2C", ",").split(",")[-1]


def test_methods_and_models_are_compared_on_one_input(visit, http, digits, retrained):
    first = done(http, digits["model"], inputs={"dataset": digits["dataset"], "items": [0, 1, 2, 3]})
    page = visit.to(f"compare?jobs={first}&item=2")
    page.select_option(".compare form select >> nth=0", "occlusion")
    second = beside(page)
    visit.shot("compare")
    page.select_option(".compare form select >> nth=1", retrained)
    page.select_option(".compare form select >> nth=0", "input_x_gradient")
    third = beside(page)
    page.wait_for_function("() => document.querySelectorAll('td.number').length === 9")
    shown = [float(t.replace("−", "-")) for t in page.locator("td.number").all_inner_texts()]
    expected = spearmanr(np.stack([attributions(http, job, 2) for job in (first, second, third)]), axis=1)
    np.testing.assert_allclose(np.reshape(shown, (3, 3)), expected.statistic, atol=5.1e-4)
    assert 0 < shown[2] < 1
    assert "digits-retrained" in page.locator(".compared figure").nth(3).inner_text()
    visit.shot("compare-models")


def test_a_class_is_named_by_its_label(visit, http, files):
    found = http.post(
        "/v1/models?name=table",
        files={
            "model": (files / "table.onnx").read_bytes(),
            "card": ("card.json", (files / "table.json").read_bytes(), "application/json"),
        },
    ).json()
    row = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
    page = visit.to(f"compare?jobs={done(http, found['id'], inputs=[row])}")
    page.wait_for_selector(".compared .chart .main-svg")
    page.fill(".compare form input", "stays")
    beside(page)
    page.wait_for_selector(".compared figure:nth-of-type(3):has-text('class stays')")
    assert "income = 2" in page.locator(".compared .chart").nth(1).inner_text()
    assert page.locator(".compared figure").first.is_hidden()


def test_shapes_that_differ_have_no_correlation(visit, http, digits, files):
    found = http.post("/v1/models?name=table", files={"model": (files / "table.onnx").read_bytes()}).json()
    row = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
    digit = done(http, digits["model"], inputs={"dataset": digits["dataset"], "items": [0]})
    page = visit.to(f"compare?jobs={digit},{done(http, found['id'], inputs=[row])}")
    page.wait_for_function("() => document.querySelectorAll('td.number').length === 4")
    assert page.locator("td.number").all_inner_texts() == ["1", "other shape", "other shape", "1"]
