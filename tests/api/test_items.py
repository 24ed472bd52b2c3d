"""Items of a finished job as numbers: what the .npz file says, with sentences, in answers of bounded size."""

from __future__ import annotations

import io

import numpy as np
import pytest

from explainers import tensors
from workers import finished


@pytest.fixture(scope="module")
def done(ask, finish) -> dict:
    job = finish(ask(seed=31))
    assert job["state"] == "succeeded", job
    return job


@pytest.fixture(scope="module")
def arrays(http, done) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(http.get(f"/v1/jobs/{done['id']}/result.npz").content)) as npz:
        return dict(npz)


def tensor(listed: list[dict], name: str) -> np.ndarray:
    return tensors.decode([t for t in listed if t["name"] == name])[name]


def test_an_item_is_that_of_the_npz_file(http, done, arrays, pixels):
    (item,) = http.get(f"/v1/jobs/{done['id']}/items?start=1&limit=1").json()["items"]
    assert item["item"] == 1
    np.testing.assert_array_equal(tensor(item["arrays"], "attribution.input"), arrays["attribution.input"][1])
    np.testing.assert_array_equal(tensor(item["inputs"], "input"), pixels[1])
    assert item["index"] == int(arrays["output.logits"][1].argmax())
    assert item["label"] == f"class {item['index']}"
    assert item["score"] == pytest.approx(float(arrays["output.logits"][1].max()), rel=1e-6)


def test_pages_follow_each_other(http, done):
    address, seen = f"/v1/jobs/{done['id']}/items?limit=1", []
    while address:
        page = http.get(address)
        seen += [i["item"] for i in page.json()["items"]]
        address = page.json()["next"]
    assert seen == [0, 1]
    assert "Link" not in page.headers


def test_an_answer_is_bounded(http, digits, finish):
    many = np.zeros((200, 1, 8, 8), np.float32)
    assert finished.MOST_VALUES < 200 * 64 * 100
    job = finish(
        http.post(
            "/v1/jobs",
            json={"model": digits, "method": "gradient", "inputs": tensors.encode({"input": many})},
        )
    )
    page = http.get(f"/v1/jobs/{job['id']}/items?limit=200").json()
    assert len(page["items"]) == 200
    assert (
        sum(len(t["data"]) for i in page["items"] for t in i["inputs"] + i["arrays"]) <= finished.MOST_VALUES
    )


@pytest.mark.parametrize("query", ["start=2", "start=-1", "limit=0", "limit=201", "start=x", "page=1"])
def test_what_is_not_there_is_refused(http, done, query):
    answer = http.get(f"/v1/jobs/{done['id']}/items?{query}")
    assert answer.status_code in (404, 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_relevance_comes_with_its_layers_and_sentences(http, ask, finish):
    job = finish(ask(method="lrp", params={"composite": "epsilon", "ledger": True}))
    (item, *_) = http.get(f"/v1/jobs/{job['id']}/items").json()["items"]
    assert item["layers"][0]["operator"] == "Gemm"
    figures = {f["name"]: f for f in item["figures"]}
    share = figures["attribution_sum"]["value"] / figures["score"]["value"]
    assert figures["attribution_sum"]["text"].startswith(f"{100 * share:.3g} % of the score is distributed")
    assert any(name.startswith("absorbed.") for name in figures)


def test_curves_belong_to_all_items(http, ask, finish):
    job = finish(ask(method="partial_dependence", params={"grid": 3}, target=3))
    assert job["state"] == "succeeded", job
    page = http.get(f"/v1/jobs/{job['id']}/items").json()
    assert {"curve.input", "grid.input"} <= {t["name"] for t in page["shared"]}
    assert {t["name"] for t in page["items"][0]["arrays"]} == {"ice.input", "output.logits"}
