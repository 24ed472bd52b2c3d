"""Bad data sets, input files, JSON and parameters over HTTP: each refused in words, nothing unpacked, nothing executed."""

from __future__ import annotations

import io
import json
import pickle
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reference.hostile_models import plain

MARKER = Path("/dev/shm/oxp-was-executed")
EVIL = b"cos\nsystem\n(S'touch /dev/shm/oxp-was-executed'\ntR."


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode()
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data


def described(descr: str = "'<f4'", shape: str = "(2, 2)", fortran: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}\n"


def archive(**members: bytes) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        warnings.simplefilter("ignore")
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


def zeros(size: int) -> bytes:
    return npy(described(shape=f"({size // 4},)"), bytes(size))


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """Return a picture whose header promises more than it holds."""
    body = zlib.compress(data or bytes(100))
    chunks = [
        (b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"),
        (b"IDAT", body),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(d).to_bytes(4, "big") + k + d + zlib.crc32(k + d).to_bytes(4, "big") for k, d in chunks
    )


def saved(a: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, a, allow_pickle=True)
    return out.getvalue()


def lying(size: int) -> bytes:
    """Return an archive whose member is larger than its entry says."""
    data = bytearray(archive(**{"x.npy": zeros(1 << 20)}))
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = size.to_bytes(4, "little")
    return bytes(data)


GOOD = saved(np.ones((2, 2), "f4"))
NPY = {
    "empty": b"",
    "one byte": b"\x93",
    "magic alone": b"\x93NUMPY",
    "cut": GOOD[:-3],
    "more": GOOD + b"x",
    "pickle": saved(np.array([{}, []], object)),
    "evil pickle": npy(described("'|O'", "(1,)"), EVIL),
    "bare pickle": EVIL,
    "object record": npy(described("[('a', '|O')]", "(1,)"), bytes(8)),
    "record": npy(described("[('a', '<f4')]", "(1,)"), bytes(4)),
    "dates": saved(np.zeros(2, "M8[s]")),
    "void": npy(described("'|V8'", "(1,)"), bytes(8)),
    "no bytes": npy(described("'|S0'", "(9,)")),
    "negative": npy(described(shape="(-1,)")),
    "negative twice": npy(described(shape="(-1, -4)"), bytes(16)),
    "huge": npy(described(shape="(9000000000000,)")),
    "overflow": npy(described(shape="(4294967296, 4294967296)")),
    "fraction": npy(described(shape="(1.5,)")),
    "truth": npy(described(shape="(True, 'a')")),
    "text": npy("hello"),
    "expression": npy("__import__('os').system('touch /dev/shm/oxp-was-executed')\n"),
    "deep": npy("(" * 5000),
    "long header": npy(described() + " " * 20_000),
    "version": npy(described(), bytes(16), b"\x09\x00"),
    "no shape": npy("{'descr': '<f4'}\n"),
    "axes": npy(described(shape="(" + "1," * 100 + ")"), bytes(4)),
    "nan": saved(np.full((2, 2), np.nan)),
    "infinite": saved(np.full((2, 2), -np.inf)),
    "no items": saved(np.ones((0, 2))),
    "scalar": saved(np.float32(1)),
}
ARCHIVES = {
    "empty": b"",
    "no archive": b"PK\x03\x04" + bytes(100),
    "nothing in it": archive(),
    "up": archive(**{"a.txt": b"x"}),
    "a bomb's promise": archive(**{"x.npy": npy(described(shape="(4000000000,)"), bytes(1 << 20))}),
    "nested": archive(**{"x.npy": archive(**{"y.npy": GOOD})}),
    "evil": archive(**{"x.npy": npy(described("'|O'", "(1,)"), EVIL)}),
    "mixed": archive(**{"x.npy": GOOD, "y.png": png(2, 2)}),
    "many": archive(**{f"{i}.npy": GOOD for i in range(3000)}),
    "lies low": lying(10),
    "lies high": lying((1 << 32) - 2),
    "cut": archive(**{"x.npy": GOOD})[:-30],
    "pictures of no picture": archive(**{"a.png": b"x"}),
    "sizes": archive(**{"a.png": png(2, 2), "b.png": png(3, 2)}),
    "picture bomb": archive(**{"a.png": png(50_000, 50_000)}),
    "pickled": archive(**{"data.pkl": pickle.dumps([1])}),
}
TABLES = {
    "empty": b"",
    "header alone": b"a,b\n",
    "ragged": b"a,b\n1,2\n3\n",
    "zero": b"a,b\n1,\0\n",
    "latin": b"a,b\n1,\xff\n",
    "quote": b'a,b\n1,"2\n',
    "a long field": b"a\n" + b"9" * (2 << 20) + b"\n",
    "nan": b"a,b\n1,nan\n",
    "infinite": b"a,b\n1,1e999\n",
}
KINDS = {"application/x-npy": NPY, "application/x-npz": ARCHIVES, "text/csv": TABLES}
BAD = [
    pytest.param(kind, data, id=f"{kind}: {name}")
    for kind, rows in KINDS.items()
    for name, data in rows.items()
]


@pytest.mark.parametrize(("kind", "data"), BAD)
def test_a_bad_data_set_is_refused(web, refused, kind, data):
    refused(web.post("/v1/datasets", content=data, headers={"Content-Type": kind}), 413, 422)
    assert not MARKER.exists()


@pytest.fixture(scope="module")
def model(web):
    answer = web.post(
        "/v1/models",
        content=plain().SerializeToString(),
        headers={"Content-Type": "application/octet-stream"},
    )
    return answer.json()["id"]


def post(web, body):
    content = body if isinstance(body, bytes) else json.dumps(body)
    return web.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})


def tensor(**changes):
    return {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 0.5]} | changes


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
    "inputs": ("gradient", {"explain_inputs": ["../../etc/passwd"]}),
}


@pytest.mark.parametrize(("method", "params"), PARAMS.values(), ids=PARAMS)
def test_bad_parameters_are_refused_before_anything_is_queued(web, refused, model, method, params):
    body = {"model": model, "method": method, "params": params, "inputs": [tensor()]}
    assert refused(post(web, body))["errors"]


PICTURES = {
    "bomb": png(50_000, 50_000),
    "tall": png(1, 2**31 - 1),
    "nothing": png(0, 0),
    "cut": png(8, 8)[:40],
    "gif": b"GIF89a" + bytes(20),
    "text": b"hello",
    "empty": b"",
}


@pytest.mark.parametrize("data", PICTURES.values(), ids=PICTURES)
def test_a_bad_picture_is_refused(web, refused, model, data):
    request = json.dumps({"model": model, "method": "gradient"})
    refused(web.post("/v1/jobs", files={"request": (None, request), "x": ("a.png", data)}), 413, 422)


def test_the_next_good_job_is_done_soon(web, model):
    began = time.monotonic()
    answer = web.post(
        "/v1/jobs",
        json={"model": model, "method": "gradient", "inputs": [tensor()]},
        headers={"Prefer": "wait=20"},
    )
    assert answer.status_code == 200, answer.text
    assert time.monotonic() - began < 20


def test_there_are_many():
    assert len(BAD) + len(TENSORS) + len(RAW) + len(PARAMS) + len(PICTURES) >= 100


def test_a_picture_of_another_kind_is_read_or_refused(web, model):
    file = io.BytesIO()
    Image.new("CMYK", (1, 2)).save(file, "JPEG")
    request = json.dumps({"model": model, "method": "gradient"})
    answer = web.post("/v1/jobs", files={"request": (None, request), "x": ("a.jpg", file.getvalue())})
    assert answer.status_code in (202, 422)
