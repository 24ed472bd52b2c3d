"""Maps that the page paints are the service's pictures: the same colours, about the same score, over the same photograph."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from reference.experts import Expert, cut

from explainers import tensors
from explainers.render.raster import overlay, shown
from explainers.render.scene import Scene
from explainers.render.subject import subject
from explainers.types import Card, Explanation

EXPERT = Expert({"kind": "image", "layout": "NCHW"}, (3, 8, 8), cut((0, 3), (4, 6), (2, 4)))
READ = "(c) => [c.width, c.height, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
METHODS = {"rise": {"masks": 200, "cells": 4}, "occlusion": {"window": 2, "stride": 2}, "gradient": {}}


@pytest.fixture(scope="module", params=["RGB", "BGR"])
def card(request):
    own = {**EXPERT.card, "low": 0, "high": 2, "channels": request.param}
    return {"inputs": {"input": own}}


@pytest.fixture(scope="module")
def model(http, card):
    files = {"model": ("m.onnx", EXPERT.model().SerializeToString()), "card": ("c.json", json.dumps(card))}
    found = http.post("/v1/models", files=files).json()["id"]
    assert http.put(f"/v1/models/{found}/card", json=card).status_code == 200
    return found


def ran(http, model, method):
    body = {
        "model": model, "method": method, "params": METHODS[method], "priority": "interactive",
        "inputs": tensors.encode({"input": EXPERT.items(1)}),
    }  # fmt: skip
    answer = http.post("/v1/jobs", json=body, headers={"Prefer": "wait=50"})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def painted(canvas):
    width, height, *data = canvas.evaluate(READ)
    return np.array(data, float).reshape(height, width, 4)[..., :3] / 255


@pytest.mark.parametrize("method", METHODS)
def test_the_page_paints_what_the_service_draws(visit, http, card, model, method):
    job = ran(http, model, method)
    page = visit.to(f"jobs/{job}")
    visit.result()
    given, map_ = (painted(c) for c in page.locator(".panels canvas:not(.bar)").all())

    found = Explanation.load(io.BytesIO(http.get(f"/v1/jobs/{job}/result.npz").content))
    drawn = subject(Scene(found, {"input": EXPERT.items(1)}, Card.model_validate(card), 0))
    np.testing.assert_allclose(given, shown(drawn), atol=1 / 255)
    # the two tables of colours are interpolated at other places
    np.testing.assert_allclose(map_, overlay(drawn), atol=5 / 255)
    assert np.ptp(map_, axis=-1).max() > 0.3

    said = page.locator("section.image").inner_text()
    assert ("the mean score of masked copies" in said) == (method == "rise")
    assert ("attribution sum" in page.locator("table:has-text('What it says')").inner_text()) == (
        method != "rise"
    )
