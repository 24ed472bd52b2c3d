"""What can be taken away of a job: the explanation as a graph, and a report that needs no network."""

from __future__ import annotations

import json
import re

import numpy as np
import onnx
import onnxruntime
import pytest
from flask import g

from api.app import create_app
from api.report import _picture
from workers.errors import QuotaExceeded
from workers.keys import LOCAL
from workers.service import Service


@pytest.fixture(scope="module")
def done(ask, finish) -> dict:
    job = finish(ask(method="input_x_gradient", seed=41))
    assert job["state"] == "succeeded", job
    return job


def test_the_graph_gives_what_the_job_gave(http, done, pixels):
    data = http.get(f"/v1/jobs/{done['id']}/explanation.onnx").content
    onnx.checker.check_model(onnx.load_from_string(data))
    session = onnxruntime.InferenceSession(data)
    weights = np.zeros((2, 10), np.float32)
    page = http.get(f"/v1/jobs/{done['id']}/items").json()["items"]
    weights[[0, 1], [i["index"] for i in page]] = 1
    (found,) = session.run(["attribution.input"], {"input": pixels[:2], "target_weights": weights})
    expected = [t["data"] for i in page for t in i["arrays"] if t["name"] == "attribution.input"]
    np.testing.assert_allclose(found.reshape(2, -1), expected, rtol=1e-4, atol=1e-6)


def test_a_method_without_a_graph_says_so(http, ask, finish):
    job = finish(ask(method="occlusion", params={"window": 4}))
    answer = http.get(f"/v1/jobs/{job['id']}/explanation.onnx")
    assert answer.status_code == 422
    assert "asks the model from outside" in answer.json()["detail"]


def test_a_report_asks_nobody(http, done):
    answer = http.get(f"/v1/jobs/{done['id']}/report.html")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{done["id"]}.html"'
    text = answer.text
    assert text.count('alt="Picture of item') == 2
    assert re.findall(r"(?:src|href)=\"(?!data:)", text) == []
    assert not re.search(r"<script|<link|@import|url\(", text)
    assert done["model"] in text
    assert "The score for class" in text


def test_a_report_of_curves_has_their_picture(http, ask, finish):
    job = finish(ask(method="partial_dependence", params={"grid": 3}, target=3))
    answer = http.get(f"/v1/jobs/{job['id']}/report.html?limit=1")
    assert answer.status_code == 200
    assert answer.text.count("data:image/png;base64,") == 1
    assert "Picture of item" not in answer.text


def test_a_report_of_feature_maps_has_them_item_by_item(http, ask, finish):
    job = finish(ask(method="activations", params={"layer": "relu0"}))
    text = http.get(f"/v1/jobs/{job['id']}/report.html").text
    assert text.count('alt="Picture of item') == text.count("data:image/png;base64,") == 2
    assert "sum of the attributions" not in text


def test_nothing_of_a_file_becomes_markup(http, digits_bytes, ask, finish):
    name = "<script>alert(1)</script>"
    card = {"outputs": {"logits": {"labels": [f'{name}"{i}\n' for i in range(10)]}}}
    files = {"model": digits_bytes, "card": ("card.json", json.dumps(card), "application/json")}
    before = http.get("/v1/models/digits-report").status_code
    model = http.post("/v1/models?name=digits-report", files=files).json()
    try:
        job = finish(ask(model=model["id"], seed=43))
        text = http.get(f"/v1/jobs/{job['id']}/report.html").text
    finally:
        http.put(f"/v1/models/{model['id']}/card", json=CARD)
    assert before == 404
    assert "<script" not in text
    assert "&lt;script&gt;" in text


CARD = {
    "inputs": {"input": {"kind": "image", "layout": "NCHW", "low": 0.0, "high": 1.0}},
    "outputs": {"logits": {"labels": [str(i) for i in range(10)]}},
}


def test_a_card_can_be_set_anew(http, digits):
    labels = ["zero", *"123456789"]
    answer = http.put(f"/v1/models/{digits}/card", json=CARD | {"outputs": {"logits": {"labels": labels}}})
    assert answer.status_code == 200, answer.text
    assert http.get(f"/v1/models/{digits}").json()["card"]["outputs"]["logits"]["labels"] == labels
    assert (
        http.put(f"/v1/models/{digits}/card", json=CARD).json()["card"]["inputs"]["input"]["kind"] == "image"
    )


@pytest.mark.parametrize(
    ("card", "pointer"),
    [({"inputs": {"nothing": {}}}, "/card/inputs/nothing"), ({"outputs": {"logits": {"labels": 3}}}, "")],
)
def test_a_card_that_does_not_fit_is_refused(http, digits, card, pointer):
    answer = http.put(f"/v1/models/{digits}/card", json=card)
    assert answer.status_code == 422
    assert any(e["pointer"].startswith(pointer) for e in answer.json()["errors"])


def test_a_picture_that_would_be_there_another_time_is_not_left_out(service_stack, done):
    settings = service_stack.settings.model_copy(update={"looks_wait_seconds": 0.0})
    service = Service.open(settings)
    app = create_app(service, settings)
    found = service.finished.items(LOCAL.tenant, done["id"], 0, 1)
    with app.test_request_context():
        g.caller = LOCAL
        assert _picture(found, 0).startswith("data:image/png")
        # another picture of this tenant takes its time
        with service._scanner._desks[1]._places.place(LOCAL.tenant), pytest.raises(QuotaExceeded):
            _picture(found, 0)
    service.close()
