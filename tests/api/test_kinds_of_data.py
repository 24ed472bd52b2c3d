"""Kinds of data over HTTP: texts with the bundle's tokenizer, tables with words, and data sets that parameters name."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from click.testing import CliRunner
from reference import pipelines, texts
from reference.games import linear_model

from explainers.cli.group import main

SENTENCES = ["A great film, not bad films", "not great"]
MARKS = [[0, 0.1, 3.0, 0.2, 0.0, -1.0, -2.0, 0.25, 0.25, 0], [0, -1.0, 3.0, 0, 0, 0, 0, 0, 0, 0]]
W = np.float32([1.0, -2.0, 3.0])
WAIT = {"Prefer": "wait=60"}


def bundle(*more: str, card=texts.CARD):
    return {
        "model": ("model.onnx", io.BytesIO(texts.model().SerializeToString())),
        "external": ("tokenizer.json", io.BytesIO(texts.tokenizer(*more).encode())),
        "card": ("card.json", io.BytesIO(json.dumps(card).encode())),
    }


def flask_bundle(*more: str, card=texts.CARD):
    return {n: (file, name) for n, (name, file) in bundle(*more, card=card).items()}


@pytest.fixture(scope="module")
def reviews(http):
    answer = http.post("/v1/models?name=reviews", files=bundle())
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


def words(*sentences):
    return [{"name": "input_ids", "shape": [len(sentences)], "datatype": "BYTES", "data": list(sentences)}]


def result(http, answer):
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "succeeded", answer.text
    return dict(np.load(io.BytesIO(http.get(f"/v1/jobs/{answer.json()['id']}/result.npz").content)))


def test_texts_are_cut_by_the_bundle_s_tokenizer(http, reviews):
    job = {"model": reviews, "method": "exact_shapley", "params": {"fill": "remove"}, "target": 1}
    found = result(http, http.post("/v1/jobs", json=job | {"inputs": words(*SENTENCES)}, headers=WAIT))

    np.testing.assert_allclose(found["attribution.input_ids"], MARKS, atol=1e-5)
    assert found["token.input_ids"][1].tolist()[:4] == ["[CLS]", " not", " great", " [SEP]"]


def test_a_text_file_holds_an_item_in_each_line(http, reviews):
    request = {"model": reviews, "method": "feature_ablation", "target": 1}
    files = {
        "request": (None, json.dumps(request), "application/json"),
        "input_ids": ("reviews.txt", "\n".join(SENTENCES).encode()),
    }
    found = result(http, http.post("/v1/jobs", files=files, headers=WAIT))

    np.testing.assert_allclose(found["attribution.input_ids"], MARKS, atol=1e-5)


def test_a_data_set_may_be_a_column_of_texts(http, reviews):
    rows = "review\n" + "\n".join(f'"{s}"' for s in SENTENCES)
    data = http.post("/v1/datasets", content=rows.encode(), headers={"Content-Type": "text/csv"}).json()["id"]
    job = {"model": reviews, "method": "kernel_shap", "target": 1, "inputs": {"dataset": data}}
    found = result(http, http.post("/v1/jobs", json=job, headers=WAIT))

    np.testing.assert_allclose(found["attribution.input_ids"], MARKS, atol=1e-4)


def test_a_picture_of_a_text_is_drawn(http, reviews):
    job = {"model": reviews, "method": "lime", "target": 1, "inputs": words(*SENTENCES)}
    answer = http.post("/v1/jobs", json=job, headers=WAIT)
    result(http, answer)
    picture = http.get(f"/v1/jobs/{answer.json()['id']}/items/0.png")

    assert picture.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("count", [1, 3])
def test_the_command_sends_the_tokenizer_and_the_text(http, url, tmp_path, count):
    model = texts.bundle(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps(texts.CARD))
    (tmp_path / "reviews.txt").write_text("\n".join([*SENTENCES, "bad"][:count]))
    words = ["submit", model, "--card", tmp_path / "card.json", "--input", tmp_path / "reviews.txt", "--method",
             "feature_ablation", "--target", 1, "--server", url]  # fmt: skip
    done = CliRunner().invoke(main, list(map(str, words)))

    assert done.exit_code == 0, done.output
    assert http.get(f"/v1/jobs/{done.output.strip()}").json()["items"] == count


def fault(answer):
    assert answer.status_code == 422, answer.text
    return answer.json["errors"][0]["pointer"], answer.json["detail"]


def test_a_tokenizer_that_does_not_fit_is_refused_at_the_upload(client):
    pointer, detail = fault(client.post("/v1/models", data=flask_bundle("more", "words")))

    assert pointer == "/card/inputs/input_ids/tokenizer"
    assert "ids reach 14" in detail


def test_a_tokenizer_that_did_not_come_is_asked_for(client):
    parts = flask_bundle()
    del parts["external"]
    pointer, detail = fault(client.post("/v1/models", data=parts))

    assert pointer == "/card/inputs/input_ids/tokenizer"
    assert "tokenizer.json" in detail


def test_a_file_that_is_no_tokenizer_is_refused(client):
    parts = flask_bundle() | {"external": (io.BytesIO(b"{}"), "tokenizer.json")}
    assert "no tokenizer" in fault(client.post("/v1/models", data=parts))[1]


# ---- data sets that parameters name


@pytest.fixture(scope="module")
def lines(http):
    data = linear_model(W).SerializeToString()
    card = json.dumps({"inputs": {"input": {"kind": "tabular", "feature_names": ["a", "b", "c"],
                                            "categories": {"b": ["no", "yes"]}}}})  # fmt: skip
    parts = {"model": ("m.onnx", io.BytesIO(data)), "card": ("c.json", io.BytesIO(card.encode()))}
    return http.post("/v1/models", files=parts).json()["id"]


def upload(http, text, kind="text/csv"):
    content = text.encode() if isinstance(text, str) else text
    return http.post("/v1/datasets", content=content, headers={"Content-Type": kind}).json()["id"]


def test_a_background_is_a_data_set_and_outlives_it(http, lines):
    data = upload(http, "c,b,a\n1,yes,2\n3,no,4\n")
    job = {
        "model": lines, "method": "kernel_shap", "params": {"background": {"dataset": data}},
        "inputs": [{"name": "input", "shape": [1, 3], "datatype": "FP32", "data": [5, 1, 7]}],
    }  # fmt: skip
    accepted = http.post("/v1/jobs", json=job)
    assert accepted.status_code == 202, accepted.text
    # the rows are the job's as long as it is there
    assert http.delete(f"/v1/datasets/{data}").status_code == 204
    link = accepted.headers["Location"]
    while (state := http.get(link).json())["state"] in ("queued", "running"):
        pass
    assert state["state"] == "succeeded", state
    found = dict(np.load(io.BytesIO(http.get(f"{link}/result.npz").content)))

    np.testing.assert_allclose(
        found["attribution.input"][0], W * ([5, 1, 7] - np.array([3, 0.5, 2])), atol=1e-5
    )
    assert state["params"]["background"] == {"dataset": data}
    assert list(http.get(f"{link}/manifest").json()["data"]) == [data]
    refused = http.post("/v1/jobs", json=job)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/params/background/dataset"


def test_labels_are_a_data_set_of_one_column(http, lines):
    rows = np.random.default_rng(0).integers(0, 9, (6, 3))
    labels = (rows @ W).tolist()
    inputs = [{"name": "input", "shape": [6, 3], "datatype": "FP32", "data": rows.reshape(-1).tolist()}]

    def losses(given):
        params = {"labels": given, "metric": "mse", "groups": "features", "repeats": 2}
        job = {"model": lines, "method": "permutation_importance", "params": params, "inputs": inputs}
        answer = http.post("/v1/jobs", json=job, headers=WAIT)
        assert answer.status_code == 200, answer.text
        return np.load(io.BytesIO(http.get(answer.json()["links"]["npz"]).content))["repeats.input"]

    column = upload(http, "price\n" + "\n".join(map(str, labels)))
    np.testing.assert_array_equal(losses({"dataset": column}), losses(labels))
    there = len(http.get("/v1/jobs?limit=200").json()["jobs"])
    for table, pointer in {
        "c,b,a\n1,yes,2\n3,no,4\n": "/params/labels/dataset",
        "price\n" + "1\n" * 5: "/params/labels",
        "price\n" + "dear\n" * 6: "/params/labels",
    }.items():
        params = {"labels": {"dataset": upload(http, table)}, "metric": "mse", "groups": "features"}
        job = {"model": lines, "method": "permutation_importance", "params": params}
        for path, sent in {"jobs": {"inputs": inputs}, "estimates": {"items": 6}}.items():
            refused = http.post(f"/v1/{path}", json=job | sent)
            assert refused.status_code == 422, refused.text
            assert refused.json()["errors"][0]["pointer"] == pointer
    assert len(http.get("/v1/jobs?limit=200").json()["jobs"]) == there


def test_jobs_over_other_data_are_other_jobs(http, lines):
    """The result of an earlier job is not taken for that of one with another background."""
    job = {"model": lines, "method": "kernel_shap",
           "inputs": [{"name": "input", "shape": [1, 3], "datatype": "FP32", "data": [5, 1, 7]}]}  # fmt: skip
    found = []
    for text in ("a,b,c\n0,no,0\n", "a,b,c\n1,no,0\n"):
        params = {"background": {"dataset": upload(http, text)}}
        found.append(result(http, http.post("/v1/jobs", json=job | {"params": params}, headers=WAIT)))

    assert found[0]["attribution.input"][0, 0] - found[1]["attribution.input"][0, 0] == pytest.approx(
        1, abs=1e-5
    )


def test_a_parquet_table_fits_by_its_columns(http, lines):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pa.table({"b": ["yes", "no"], "c": [7.0, 1.0], "a": [5.0, 2.0]}), file)
    data = upload(http, file.getvalue(), "application/vnd.apache.parquet")
    job = {"model": lines, "method": "feature_ablation", "inputs": {"dataset": data}}
    found = result(http, http.post("/v1/jobs", json=job, headers=WAIT))

    np.testing.assert_allclose(found["attribution.input"], [[5, -2, 21], [2, 0, 3]], atol=1e-5)


def test_a_table_gives_a_column_to_each_input(http):
    files = {"model": ("m.onnx", io.BytesIO(pipelines.titanic().SerializeToString()))}
    model = http.post("/v1/models", files=files).json()["id"]
    people = upload(http, "sex,age,fare\nfemale,30,10\nmale,60,2\n")
    job = {"model": model, "method": "exact_shapley", "params": {"background": {"dataset": people}},
           "target": 1, "inputs": {"dataset": people}}  # fmt: skip
    found = result(http, http.post("/v1/jobs", json=job, headers=WAIT))

    assert found["attribution.sex"][0, 0] > 0 > found["attribution.sex"][1, 0]
    assert found["attribution.age"].shape == (2, 1)


@pytest.fixture(scope="module")
def plain(client_module):
    data = linear_model(W).SerializeToString()
    return client_module.post("/v1/models", data=data, content_type="application/octet-stream").json["id"]


@pytest.fixture(scope="module")
def client_module(app):
    return app.test_client()


X = [{"name": "input", "shape": [1, 3], "datatype": "FP32", "data": [5, 1, 7]}]


@pytest.mark.parametrize(
    ("method", "params", "pointer"),
    [
        ("kernel_shap", {"background": [[1.0, 2.0]]}, "/params/background"),
        ("kernel_shap", {"background": {"dataset": "0" * 64}}, "/params/background/dataset"),
        ("kernel_shap", {"groups": [0, 1]}, "/params/groups"),
        ("occlusion", {"fill": "mask"}, "/params/fill"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_enqueued(
    client_module, plain, method, params, pointer
):
    job = {"model": plain, "method": method, "params": params, "inputs": X}
    assert fault(client_module.post("/v1/jobs", json=job))[0] == pointer
    assert client_module.get("/v1/jobs").json["jobs"] == []


def test_a_data_set_of_the_wrong_width_is_refused(client_module, plain):
    data = client_module.post("/v1/datasets", data=b"1,2\n3,4\n", content_type="text/csv").json["id"]
    job = {"model": plain, "method": "kernel_shap", "params": {"background": {"dataset": data}}, "inputs": X}

    assert fault(client_module.post("/v1/jobs", json=job))[0] == "/params/background/dataset"


def test_a_background_counts_in_the_cost(client_module, plain):
    rows = b"\n".join(b"1,2,3" for _ in range(200))
    data = client_module.post("/v1/datasets", data=rows, content_type="text/csv").json["id"]
    params = {"background": {"dataset": data}, "samples": 100_000}
    job = {"model": plain, "method": "shapley_sampling", "params": params, "inputs": X}
    accepted = client_module.post("/v1/jobs", json=job)
    assert accepted.status_code == 202
    job = job | {"method": "rise", "params": {"masks": 1_000_000, "background": {"dataset": data}}}
    answer = client_module.post("/v1/jobs", json=job | {"inputs": X})

    # a mask may fall on any of the rows: 8 x 200 different copies, not 1,000,000
    assert answer.status_code == 202


def test_too_many_samples_are_refused_with_the_cost(client_module, plain):
    wide = linear_model(np.ones(64, np.float32)).SerializeToString()
    model = client_module.post("/v1/models", data=wide, content_type="application/octet-stream").json["id"]
    job = {
        "model": model, "method": "kernel_shap", "params": {"samples": 200_000, "background": [[0.0] * 64] * 60},
        "inputs": [{"name": "input", "shape": [1, 64], "datatype": "FP32", "data": [1.0] * 64}],
    }  # fmt: skip
    answer = client_module.post("/v1/jobs", json=job)

    assert fault(answer)[0] == "/params"
    assert answer.json["cost"]["evaluations_per_item"] == (200_000 + 1) * 60 + 1
