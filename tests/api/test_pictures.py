"""Pictures over HTTP: every method that asks, on a model of each kind of data, with the real service."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from onnx import numpy_helper
from PIL import Image
from reference.pictured import PICTURED, Pictured, summing

from explainers import tensors
from explainers.render import picture
from explainers.stylesheet import SOURCE
from explainers.types import Card, Explanation

FEW = {"samples": 200}
METHODS = {
    "occlusion": {}, "feature_ablation": {}, "rise": {"masks": 64}, "lime": FEW, "kernel_shap": FEW,
    "partition_shap": {"segments": 8},
    "shapley_sampling": {"samples": 20}, "exact_shapley": {"segments": 6}, "meaningful_perturbation": {"steps": 10},
    "permutation_importance": {"metric": "score", "repeats": 3}, "partial_dependence": {"grid": 4},
}  # fmt: skip
OF_ALL = {"permutation_importance", "partial_dependence"}
# features and groups of a text differ from item to item: only places can be moved through a data set of texts
MORE = {
    ("permutation_importance", "text"): {"groups": "features"},
    ("exact_shapley", "tabular"): {"segments": 12},
    ("lime", "image"): {"segments": "slic", "count": 6},
    # a blur of a single value is that value
    ("meaningful_perturbation", "columns"): {"fill": "zeros"},
}
# a table of columns has its features by name
PLACES = {kind: [0, 1] for kind in PICTURED} | {"columns": ["age", "fare"]}
SHOWN = ("attribution.", "error.", "importance.", "repeats.", "ice.", "curve.")
COLOURED, LEAST = 24, 0.004
"""How far a pixel's channels lie apart, and the share of such pixels that numbers add to a picture without any."""


def upload(http, pictured):
    parts = {
        "model": ("m.onnx", pictured.model.SerializeToString()),
        "card": ("c.json", json.dumps(pictured.card)),
    }
    answer = http.post("/v1/models", files=[*parts.items(), *pictured.external.items()])
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


@pytest.fixture(scope="module")
def models(http):
    """Ids of a model of each kind of data."""
    return {kind: upload(http, pictured) for kind, pictured in PICTURED.items()}


def ran(http, finish, model, method, kind, **params):
    features = {"features": PLACES[kind]} if method == "partial_dependence" else {}
    body = {
        "model": model, "method": method, "inputs": tensors.encode(PICTURED[kind].inputs),
        "target": PICTURED[kind].target, "priority": "interactive",
        "params": {**METHODS.get(method, {}), **features, **MORE.get((method, kind), {}), **params},
    }  # fmt: skip
    job = finish(http.post("/v1/jobs", json=body))
    assert job["state"] == "succeeded", job
    return job["links"]["self"]


def png(http, address):
    answer = http.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "image/png"
    return Image.open(io.BytesIO(answer.content))


def coloured(image):
    """Return the share of pixels that are no grey."""
    return float((np.ptp(np.asarray(image.convert("RGB"), int), axis=-1) > COLOURED).mean())


def without_numbers(http, job, kind, item):
    """Return the same scene drawn here, with zero for every number of the explanation."""
    found = Explanation.load(io.BytesIO(http.get(f"{job}/result.npz").content))
    arrays = {n: np.zeros_like(a) if n.startswith(SHOWN) else a for n, a in found.arrays.items()}
    # what values lie about is a figure, too
    account = found.account.model_copy(update={"per_item": {}})
    made = picture(
        Explanation(arrays, account), PICTURED[kind].inputs, item, Card.model_validate(PICTURED[kind].card)
    )
    return Image.open(io.BytesIO(made))


# by kind, so that one model's runner stays warm through all methods
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", PICTURED)
def test_every_method_that_asks_has_its_picture_of_every_kind_of_data(method, kind, http, finish, models):
    if (method, kind) == ("meaningful_perturbation", "trees"):
        assert "TreeEnsembleRegressor" in refusal(http, models[kind], method, kind)
        return
    job = ran(http, finish, models[kind], method, kind)
    item = None if method in OF_ALL else 2
    shown = png(http, f"{job}/picture.png" if item is None else f"{job}/items/{item}.png")
    assert coloured(shown) >= coloured(without_numbers(http, job, kind, item)) + LEAST
    if item is None:
        answer = http.get(f"{job}/items/0.png")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
        assert "not about single items" in answer.json()["detail"]


def refusal(http, model, method, kind):
    body = {"model": model, "method": method, "inputs": tensors.encode(PICTURED[kind].inputs)}
    answer = http.post("/v1/jobs", json=body)
    assert answer.status_code == 422, answer.text
    return answer.text


@pytest.fixture(scope="module")
def table(http, finish, models):
    return ran(http, finish, models["tabular"], "exact_shapley", "tabular")


@pytest.fixture(scope="module")
def text(http, finish, models):
    return ran(http, finish, models["text"], "feature_ablation", "text")


def test_the_views_of_a_job_are_listed_and_all_of_them_are_there(http, table):
    views = http.get(f"{table}/pictures").json()
    assert views == {"item": ["bars", "waterfall"], "all": ["beeswarm"], "html": []}
    one, other = (png(http, f"{table}/items/0.png?view={view}") for view in views["item"])
    assert one.tobytes() != other.tobytes()
    png(http, f"{table}/picture.png?view=beeswarm")


def test_links_lead_to_the_pictures(http, table):
    links = http.get(table).json()["links"]
    assert http.get(links["pictures"]).status_code == 200
    png(http, links["overview"])
    png(http, links["picture"].replace("{i}", "1"))


def test_every_item_has_its_own_picture_and_number(http, table):
    pictures = {png(http, f"{table}/items/{i}.png").tobytes() for i in range(3)}
    assert len(pictures) == 3


def test_words_are_a_page_that_runs_nothing(http, text):
    answer = http.get(f"{text}/items/1.html")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert re.findall(r'<span class="w [^>]*>(.*?)</span>', answer.text) == [
        "[CLS]", "this", "film", "not", "bad", ",", "[SEP]",
    ]  # fmt: skip
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", f"style-src {SOURCE}", "sandbox"} <= set(policy)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_words_are_a_picture_too(http, text):
    assert http.get(f"{text}/pictures").json() == {"item": ["words"], "all": [], "html": ["words_page"]}
    png(http, f"{text}/items/0.png")


def refused(http, address):
    answer = http.get(address)
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


def test_what_is_not_there_is_said(http, table, text):
    status, detail = refused(http, f"{table}/items/0.html")
    assert status == 422
    assert "HTML is for words" in detail
    status, detail = refused(http, f"{text}/picture.png")
    assert status == 422
    assert "ask for one item's" in detail
    assert refused(http, f"{table}/items/3.png")[0] == 404
    assert refused(http, f"{table}/items/0.png?view=pie")[0] == 422
    assert refused(http, f"{table}/items/0.png?of=y")[0] == 422
    assert refused(http, f"{table}/items/0.png?view={'x' * 65}")[0] == 422
    assert refused(http, f"{table}/items/0.png?size=9")[0] == 422
    assert refused(http, "/v1/jobs/nobody/picture.png")[0] == 404


PIXELS = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_a_job_of_pictures_is_drawn_on_the_uploaded_pixels(channels, http, finish):
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG")
    own = {"kind": "image", "layout": "NCHW", "low": 0, "high": 1, "channels": channels}
    blind = Pictured(summing((3, 8, 8)), {"inputs": {"x": own}}, {})
    request = json.dumps({"model": upload(http, blind), "method": "occlusion"})
    parts = {"request": (None, request, "application/json"), "x": ("x.png", file.getvalue())}
    job = finish(http.post("/v1/jobs", files=parts))
    assert job["state"] == "succeeded", job
    shown = np.asarray(png(http, f"{job['links']['self']}/items/0.png").convert("RGB"))
    middle = shown[len(shown) // 4 : -len(shown) // 4, : shown.shape[1] // 3].reshape(-1, 3)
    (item,) = http.get(f"{job['links']['self']}/items").json()["items"]
    # red in the picture is red in the file, and the model was given the channels in its own order
    assert {tuple(p) for p in PIXELS[3:5, 1:4].reshape(-1, 3)} <= {tuple(p) for p in middle}
    given = (PIXELS if channels == "RGB" else PIXELS[..., ::-1]).transpose(2, 0, 1) / 255
    weights = numpy_helper.to_array(blind.model.graph.initializer[0])
    (logits,) = (a["data"] for a in item["arrays"] if a["name"] == "output.logits")
    np.testing.assert_allclose(logits, np.tanh(given).reshape(-1) @ weights, rtol=1e-4)
