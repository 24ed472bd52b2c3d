"""Pictures over HTTP: every method that asks, on a model of each kind of data, with the real service."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from onnx import TensorProto, checker, helper, numpy_helper
from PIL import Image
from reference import texts

from explainers import tensors
from explainers.stylesheet import SOURCE

RNG = np.random.default_rng(0)
SHAPES = {"image": (3, 8, 8), "tabular": (5,), "series": (40, 2), "volume": (1, 6, 8, 8)}
CARDS = {
    "image": {"kind": "image", "layout": "NCHW", "low": 0, "high": 1},
    "tabular": {"kind": "tabular", "feature_names": ["age", "height", "<b>weight</b>", "$x", "z" * 300]},
    "series": {"kind": "series", "layout": "NTC", "rate": 20.0, "feature_names": ["left", "right"]},
    "volume": {"kind": "volume", "layout": "NCDHW"},
}
KINDS = ["image", "text", "tabular", "series", "volume"]
FEW = {"samples": 200}
METHODS = {
    "occlusion": {}, "feature_ablation": {}, "rise": {"masks": 64}, "lime": FEW, "kernel_shap": FEW,
    "shapley_sampling": {"samples": 20}, "exact_shapley": {"segments": 6}, "meaningful_perturbation": {"steps": 10},
    "permutation_importance": {"metric": "score", "repeats": 3}, "partial_dependence": {"grid": 4, "features": [0, 1]},
}  # fmt: skip
OF_ALL = {"permutation_importance", "partial_dependence"}
# features and groups of a text differ from item to item: only places can be moved through a data set of texts
MORE = {
    ("permutation_importance", "text"): {"groups": "features"},
    ("exact_shapley", "tabular"): {"segments": 12},
    ("lime", "image"): {"segments": "slic", "count": 6},
}


def summing(shape):
    """Return a model of (N, *shape) to (N, 2): minus and plus a weighted sum of the tanh of its input."""
    size = int(np.prod(shape))
    weights = RNG.normal(size=size).astype("f4")
    nodes = [
        helper.make_node("Tanh", ["x"], ["squeezed"]),
        helper.make_node("Flatten", ["squeezed"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes, "summing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(np.stack([-weights, weights], 1), "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model.SerializeToString()


def upload(http, model, card, **external):
    parts = {"model": ("m.onnx", model), "card": ("c.json", json.dumps(card))}
    answer = http.post("/v1/models", files=[*parts.items(), *external.items()])
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


@pytest.fixture(scope="module")
def models(http):
    """Ids of a model of each kind of data."""
    labels = {"logits": {"labels": ["no", "<i>yes</i>"]}}
    found = {
        k: upload(http, summing(s), {"inputs": {"x": CARDS[k]}, "outputs": labels}) for k, s in SHAPES.items()
    }
    tokenizer = ("tokenizer.json", texts.tokenizer().encode())
    return found | {"text": upload(http, texts.model().SerializeToString(), texts.CARD, external=tokenizer)}


def inputs(kind):
    if kind == "text":
        sentences = ["a great film , this", "this film not bad ,", "not a great film ,"]
        return [{"name": "input_ids", "shape": [3], "datatype": "BYTES", "data": sentences}]
    return tensors.encode({"x": RNG.uniform(size=(3, *SHAPES[kind])).astype("f4")})


def ran(http, finish, model, method, kind, **params):
    body = {
        "model": model, "method": method, "inputs": inputs(kind), "target": 1, "priority": "interactive",
        "params": {**METHODS.get(method, {}), **MORE.get((method, kind), {}), **params},
    }  # fmt: skip
    job = finish(http.post("/v1/jobs", json=body))
    assert job["state"] == "succeeded", job
    return job["links"]["self"]


def png(http, address):
    answer = http.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "image/png"
    image = Image.open(io.BytesIO(answer.content))
    assert len(np.unique(np.asarray(image.convert("L")))) > 20
    return image


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_that_asks_has_its_picture_of_every_kind_of_data(method, kind, http, finish, models):
    job = ran(http, finish, models[kind], method, kind)
    if method not in OF_ALL:
        png(http, f"{job}/items/2.png")
        return
    png(http, f"{job}/picture.png")
    answer = http.get(f"{job}/items/0.png")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert "not about single items" in answer.json()["detail"]


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


def test_a_job_of_pictures_is_drawn_on_the_uploaded_pixels(http, finish, models):
    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(file, "PNG")
    request = json.dumps({"model": models["image"], "method": "occlusion"})
    parts = {"request": (None, request, "application/json"), "x": ("x.png", file.getvalue())}
    job = finish(http.post("/v1/jobs", files=parts))
    assert job["state"] == "succeeded", job
    png(http, f"{job['links']['self']}/items/0.png")
