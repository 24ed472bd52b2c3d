"""Tensors in JSON and in files, made up and broken: each is read as it says or refused in words."""

from __future__ import annotations

import io
import json
import math
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st
from PIL import Image

from api import strict_json
from explainers import tensors
from explainers.errors import InvalidRequest
from workers import arrays

LIMIT = 1 << 20
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=4)
nested = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4), max_leaves=12)
sizes = st.integers(-2, 5) | st.sampled_from([2**31, 2**62, 2**64]) | scalars
kinds = st.sampled_from([*tensors.DATATYPES, "OBJECT", ""]) | scalars
tensor = st.fixed_dictionaries(
    {}, optional={"name": st.sampled_from(["x", "y"]) | scalars, "shape": st.lists(sizes, max_size=4) | scalars,
                  "datatype": kinds, "data": st.lists(scalars, max_size=8) | nested},
)  # fmt: skip


@st.composite
def fitting(draw: st.DrawFn) -> dict:
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    kind = draw(st.sampled_from([*tensors.DATATYPES]))
    value = (
        st.text(max_size=3) if kind == "BYTES" else st.booleans() if kind == "BOOL" else st.integers(0, 100)
    )
    count = math.prod(shape)
    data = draw(st.lists(value, min_size=count, max_size=count))
    return {"name": "x", "shape": shape, "datatype": kind, "data": data}


def test_tensors_in_json(fuzz, refusing):
    def decode(given: list[dict]) -> None:
        found = refusing(lambda: tensors.decode(given))
        if found is None:
            return
        assert [list(a.shape) for a in found.values()] == [t["shape"] for t in given]
        assert [str(a.dtype).replace("object", "str") for a in found.values()] == [
            tensors.DATATYPES[t["datatype"]] for t in given
        ]

    assert fuzz(decode, st.lists(tensor | fitting(), max_size=3)) > 100


def test_json_itself(fuzz, broken):
    good = [json.dumps({"a": [1, 2.5, None, True, "é\\"], "b": {"c": [[], {}]}}).encode(), b'{"seed": 12345678901234567890}',
            b"[" * 50 + b"]" * 50, b'"\\ud83d\\ude00"', b"[1e10, -0.0, 1E+2]"]  # fmt: skip

    def read(body: bytes) -> None:
        try:
            found = strict_json.loads(body)
        except (strict_json.MalformedJson, InvalidRequest):
            return
        assert found == json.loads(body)
        json.dumps(found, allow_nan=False)

    assert fuzz(read, broken(good) | nested.map(lambda v: json.dumps(v).encode())) > 100


def saved(a: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, a, allow_pickle=True)
    return file.getvalue()


PLAIN = [np.arange(6.0).reshape(2, 3), np.array(["a", "éé"]), np.array([b"ab", b"c"]), np.zeros((0, 4), "i8"),
         np.asfortranarray(np.ones((2, 3))),
         np.float16(1.5), np.array([True, False]), np.arange(3, dtype=">u2"), np.array([1j])]  # fmt: skip
NPY = [
    saved(np.asarray(a))
    for a in [*PLAIN, np.array([{}, []], object), np.zeros(2, "M8[s]"), np.zeros(1, [("a", "f4")])]
]


@pytest.mark.filterwarnings("ignore:Reading .* required additional header parsing")
def test_npy(fuzz, broken, refusing):
    def read(data: bytes) -> None:
        found = refusing(lambda: arrays.read(io.BytesIO(data), LIMIT))
        if found is not None:
            assert found.nbytes <= LIMIT
            np.testing.assert_array_equal(found, np.load(io.BytesIO(data), allow_pickle=False))

    assert fuzz(read, broken(NPY)) > 100


def zipped(compression: int, **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def picture(kind: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (5, 4)).save(file, kind)
    return file.getvalue()


def table() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": [3, 4], "c": ["x", "y"]}), file)
    return file.getvalue()


PICTURES = {"a.png": picture("PNG"), "b.png": picture("PNG", "RGBA")}
FILES = [
    *NPY, zipped(zipfile.ZIP_DEFLATED, **{"x.npy": NPY[0], "y.npy": NPY[3]}), zipped(zipfile.ZIP_DEFLATED, **PICTURES),
    zipped(zipfile.ZIP_STORED, **{"x.npy": NPY[0]}), picture("PNG", "L"), picture("JPEG", "CMYK"), table(),
    b"a,b\n1,2\n3,4\n", b"a;b\n1.5;2e3\n",
]  # fmt: skip


def test_data_sets_in_a_runner(fuzz, broken, refusing, scanner, tmp_path):
    file = tmp_path / "upload"

    def read(thing: tuple[bytes, str]) -> None:
        file.write_bytes(thing[0])
        with (tmp_path / "out").open("w+b") as out:
            found = refusing(lambda: scanner.dataset(file, thing[1], out))
            for entry in found["stored"] if found else []:
                out.seek(entry["offset"])
                a = arrays.read(io.BytesIO(out.read(entry["size"])), scanner._settings.input_bytes)
                assert (list(a.shape), str(a.dtype)) == (entry["shape"], entry["dtype"])

    names = st.sampled_from(["", "a.csv", "a.npz", "a.txt", "../../a.png", "a" * 300])
    assert fuzz(read, st.tuples(broken(FILES), names)) > 20
