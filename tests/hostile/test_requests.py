"""Bad tensors, JSON, parameters, names and addresses over HTTP: each refused with its place, nothing fetched, nothing queued."""

from __future__ import annotations

import json

import onnx
import pytest
from reference.hostile_models import plain


def post(web, body):
    content = body if isinstance(body, bytes) else json.dumps(body)
    return web.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})


def tensor(**changes):
    return {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 0.5]} | changes


BYTES = {"Content-Type": "application/octet-stream"}
TENSORS = {
    "text": {"data": ["a", "b"]},
    "deep": {"data": [[[[0.5]]]]},
    "few": {"data": [1]},
    "many": {"data": [1] * 9},
    "null": {"data": None},
    "object": {"data": {"a": 1}},
    "huge shape": {"shape": [2**40, 2**40]},
    "negative shape": {"shape": [-1, 2]},
    "no items": {"shape": [0, 2], "data": []},
    "rank": {"shape": [2], "data": [1, 2]},
    "kind": {"datatype": "OBJECT"},
    "wrong kind": {"datatype": "BYTES", "data": ["a", "\0"]},
    "surrogate": {"datatype": "BYTES", "data": ["\ud800", "b"]},
    "no name": {"name": ""},
    "script": {"name": "<script>alert(1)</script>"},
    "escape": {"name": "\x1b[31m\n"},
    "extra": {"location": "/etc/passwd"},
    "too large": {"data": [1e39, 0.0]},
    "shape of text": {"shape": "1,2"},
    "shape of fractions": {"shape": [1.5, 2]},
}


@pytest.mark.parametrize("changes", TENSORS.values(), ids=TENSORS)
def test_a_bad_tensor_is_refused_with_its_place(web, refused, model, changes):
    found = refused(
        post(web, {"model": model, "method": "gradient", "inputs": [tensor(**changes)]}), 422, 400
    )
    assert found["errors"] or found["status"] == 400


RAW = {
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "twice": b'{"model": "a", "model": "b"}',
    "1e999": b'{"seed": 1e999}',
    "huge": b'{"seed": ' + b"9" * 5000 + b"}",
    "nan": b'{"seed": NaN}',
    "infinity": b'{"seed": -Infinity}',
    "cut": b'{"model": ',
    "no text": b"\xff\xfe",
    "empty": b"",
    "a list": b"[]",
    "a number": b"1",
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("body", RAW.values(), ids=RAW)
def test_bad_json_is_refused(web, refused, body):
    refused(post(web, body), 400, 422)


PARAMS = {
    "samples": ("smooth_grad", {"samples": 10**12}),
    "negative": ("smooth_grad", {"samples": -1}),
    "text": ("smooth_grad", {"samples": "all"}),
    "steps": ("integrated_gradients", {"steps": 10**12}),
    "unknown": ("gradient", {"__class__": "x"}),
    "windows": ("occlusion", {"window": 0}),
    "stride": ("occlusion", {"stride": -5}),
    "null": ("occlusion", {"window": [None]}),
    "huge": ("kernel_shap", {"samples": 10**18}),
    "samples of nothing": ("smooth_grad", {"samples": 0}),
    "samples and a half": ("smooth_grad", {"samples": 1.5}),
    "text in place of all": ("gradient", "all"),
    "a list in place of all": ("gradient", []),
    "unknown twice": ("lime", {"os.system": "x", "eval": "y"}),
    "masks": ("rise", {"masks": 10**15}),
    "inputs": ("gradient", {"explain_inputs": ["../../etc/passwd"]}),
}


@pytest.mark.parametrize(("method", "params"), PARAMS.values(), ids=PARAMS)
def test_bad_parameters_are_refused_before_anything_is_queued(web, refused, model, method, params):
    body = {"model": model, "method": method, "params": params, "inputs": [tensor()]}
    assert refused(post(web, body))["errors"]


# each number within its own bounds
WIDE = """<ir_version: 10, opset_import: ["" : 21]> agraph (float[N, 64] x) => (float[N, 64] y) { y = Relu (x) }"""
ROWS = [[0.5] * 64] * 1000
PRODUCTS = {
    "samples x background": ("kernel_shap", {"samples": 200_000, "background": ROWS}),
    "permutations x background": ("shapley_sampling", {"samples": 100_000, "background": ROWS}),
}


@pytest.mark.parametrize(("method", "params"), PRODUCTS.values(), ids=PRODUCTS)
def test_products_beyond_the_bounds_are_refused_with_their_cost(web, refused, method, params):
    wide = onnx.parser.parse_model(WIDE).SerializeToString()
    sent = web.post("/v1/models", content=wide, headers=BYTES).raise_for_status().json()["id"]
    before = len(web.get("/v1/jobs", params={"limit": 200}).json()["jobs"])
    inputs = [tensor(shape=[1, 64], data=[0.5] * 64)]
    found = refused(post(web, {"model": sent, "method": method, "params": params, "inputs": inputs}))
    assert (found["code"], found["errors"][0]["pointer"]) == ("resource-limit", "/params")
    assert found["cost"]["evaluations_per_item"] > 10_000_000
    assert len(web.get("/v1/jobs", params={"limit": 200}).json()["jobs"]) == before


SECRETS = {
    "url": {"model": "http://169.254.169.254/latest/meta-data"},
    "file url": {"model": "file:///etc/passwd"},
    "path": {"model": "../../etc/passwd"},
    "data by url": {"inputs": {"dataset": "http://localhost:1/x"}},
    "data by path": {"inputs": {"dataset": "/etc/passwd"}},
    "webhook": {"webhook": "http://169.254.169.254/"},
    "callback": {"callback": "http://localhost:6379/"},
    "huge number": {"inputs": [tensor(data=[2**64, 1])]},
    "beyond a double": {"target": {"index": 2**53 + 1}},
    "seed": {"seed": 2**63},
    "priority": {"priority": "now"},
    "target": {"target": {"output": "../x"}},
    "place": {"target": {"index": {"at": [10**9]}}},
}


@pytest.mark.parametrize("changes", SECRETS.values(), ids=SECRETS)
def test_nothing_is_fetched_or_read_by_name(web, refused, model, changes):
    body = {"model": model, "method": "gradient", "inputs": [tensor()]} | changes
    refused(post(web, body), 422, 400)


BUNDLES = [
    "../x",
    "/etc/passwd",
    "a/b",
    "..",
    ".",
    ".hidden",
    "a\\b",
    "a b",
    "%2e%2e",
    "x" * 300,
    "é",
    "weights.bin\u2028",
]


@pytest.mark.parametrize("name", BUNDLES)
def test_parts_of_bundles_have_plain_names(web, refused, name):
    files = [("model", ("m.onnx", plain().SerializeToString())), ("external", (name, b"x" * 8))]
    refused(web.post("/v1/models", files=files))


ADDRESSES = [
    "/v1/jobs/../../etc/passwd", "/v1/jobs/%2e%2e/%2e%2e/x", "/v1/jobs/%252e%252e", "/v1/models/..%2f..%2fx",
    "/v1/jobs/01A1FA8C-6374-7ADD", "/v1/datasets/%00", "/v1/models/%ff", "/v1/jobs/" + "a" * 3000, "/v1/jobs/%0d%0aX-A:1",
    "/v1/jobs/x/items/99999999999999999999.png", "/v1/jobs/x/items/-1.png", "/v1/methods/__class__", "/v1/methods/..",
    "/.env", "/web/../app.py", "/web/%2e%2e/app.py", "/web//etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_probing_addresses_finds_nothing(web, refused, address):
    found = refused(web.get(address), 404, 405, 422, 414)
    assert len(found["detail"]) < 1000


CURSORS = ["x", "", "0" * 900, "MTIz", "bnVsbHxudWxs", "Li4vLi4v", "%00"]


@pytest.mark.parametrize("cursor", CURSORS)
def test_made_up_cursors_are_refused(web, refused, cursor):
    refused(web.get("/v1/jobs", params={"cursor": cursor}))


def test_there_are_many():
    rows = (TENSORS, RAW, PARAMS, SECRETS, ADDRESSES, CURSORS, BUNDLES)
    assert sum(map(len, rows)) >= 95


def test_the_next_good_job_is_done_within_five_seconds(web, good_after, model):
    def bad() -> None:
        for changes in TENSORS.values():
            post(web, {"model": model, "method": "gradient", "inputs": [tensor(**changes)]})
        for body in RAW.values():
            post(web, body)
        for method, params in PARAMS.values():
            post(web, {"model": model, "method": method, "params": params, "inputs": [tensor()]})

    good_after(bad)


def test_a_bundle_of_more_parts_than_are_taken_is_refused(web, refused):
    files = [("model", ("m.onnx", plain().SerializeToString()))]
    files += [("external", (f"part{i}", b"x")) for i in range(1001)]
    refused(web.post("/v1/models", files=files), 413)
