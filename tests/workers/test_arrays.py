from __future__ import annotations

import io
import json

import numpy as np
import pytest

from explainers.errors import ExplainError, ResourceLimit
from explainers.types import Account, Explanation
from workers import arrays as npy
from workers.errors import InputUnreadable
from workers.results import _account, _clean


def saved(a, **options) -> io.BytesIO:
    file = io.BytesIO()
    np.save(file, a, **options)
    file.seek(0)
    return file


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u8", "?", "c8", "U5", "S3"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_numpy_saves_is_read(dtype, order):
    a = np.arange(6).reshape(2, 3).astype(dtype, order=order)
    np.testing.assert_array_equal(npy.read(saved(a), 1 << 20), a)


@pytest.mark.parametrize(
    "a", [np.arange(12.0).reshape(3, 4), np.array(2.0), np.zeros((0, 2)), np.array("text")]
)
def test_what_is_written_numpy_loads(a):
    file = io.BytesIO()
    npy.write(file, a)
    file.seek(0)
    np.testing.assert_array_equal(np.load(file, allow_pickle=False), a)


def damaged():
    whole = saved(np.arange(10.0)).getvalue()
    yield from (whole[:n] for n in (0, 1, 6, 9, 40, len(whole) - 1))
    yield whole + b"x"
    yield b"\x93NUMPY\x09\x00" + whole[8:]
    yield saved(np.array([object()]), allow_pickle=True).getvalue()
    yield saved(np.zeros(2, dtype=[("a", "f4"), ("b", "O")]), allow_pickle=True).getvalue()
    yield whole.replace(b"(10,)", b"(-1,)")
    yield whole.replace(b"'<f8'", b"'<V8'")


@pytest.mark.parametrize("data", list(damaged()))
def test_what_lies_about_itself_is_refused(data):
    with pytest.raises(InputUnreadable):
        npy.read(io.BytesIO(data), 1 << 20)


def test_a_header_that_asks_for_too_much_is_refused_before_memory_is_taken():
    head = npy.header_bytes((1 << 31, 1 << 31), np.dtype("f8"))
    with pytest.raises(ResourceLimit):
        npy.read(io.BytesIO(head), 1 << 30)


def explanation(items: int, seed: int) -> Explanation:
    rng = np.random.default_rng(seed)
    account = Account(
        method="m", params={}, target={}, seed=0, provider="cpu", versions={}, model="x", items=items,
        score=rng.normal(size=items).tolist(), index=[1] * items, per_item={"error": rng.normal(size=items).tolist()},
    )  # fmt: skip
    arrays = {
        "attribution.input": rng.normal(size=(items, 3)).astype("f4"),
        "output.o": rng.integers(0, 9, (items, 2)),
    }
    return Explanation(arrays, account)


@pytest.fixture
def parts(tmp_path):
    found = [explanation(n, n) for n in (2, 3, 1)]
    for i, e in enumerate(found):
        with (tmp_path / f"{i}.npz").open("wb") as file:
            npy.write_npz(file, e.arrays, e.account.model_dump_json())
    return found, [npy.Part(tmp_path / f"{i}.npz", e.account.items) for i, e in enumerate(found)]


def join(path, parts) -> Explanation:
    with path.open("wb") as file:
        npy.join_npz(file, parts, json.dumps(_account(parts)))
    return Explanation.load(path)


def test_parts_join_to_what_the_engine_would_merge(parts, tmp_path):
    found, files = parts
    whole, want = join(tmp_path / "whole.npz", files), Explanation.merge(found)
    for name, a in want.arrays.items():
        np.testing.assert_array_equal(whole.arrays[name], a)
    assert whole.account == want.account


def test_the_same_arrays_are_the_same_bytes(parts, tmp_path):
    join(tmp_path / "a.npz", parts[1])
    join(tmp_path / "b.npz", parts[1])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_part_that_failed_leaves_a_gap_where_its_items_are(parts, tmp_path):
    found, files = parts
    whole = join(tmp_path / "whole.npz", [files[0], npy.Part(None, 3), files[2]])
    got = whole.arrays["attribution.input"]
    assert np.isnan(got[2:5]).all()
    np.testing.assert_array_equal(got[5:], found[2].arrays["attribution.input"])
    assert (whole.arrays["output.o"][2:5] == 0).all()
    assert np.isnan(whole.account.score[2:5]).all()
    assert whole.account.score[5] == found[2].account.score[0]
    assert whole.account.index[2] == -1
    assert whole.account.warnings == ["3 items failed and hold NaN"]
    assert _clean(whole.account.model_dump())["score"][2] is None


def test_rows_are_read_without_the_others(parts, tmp_path):
    found, files = parts
    join(tmp_path / "whole.npz", files)
    got = npy.read_rows(tmp_path / "whole.npz", 3, 5)
    np.testing.assert_array_equal(got["attribution.input"], found[1].arrays["attribution.input"][1:3])


def test_parts_of_different_shapes_are_refused(tmp_path):
    for i in (1, 2):
        with (tmp_path / f"{i}.npz").open("wb") as file:
            npy.write_npz(file, {"a": np.zeros((2, i))}, "{}")
    with pytest.raises(ExplainError), (tmp_path / "o.npz").open("wb") as file:
        npy.join_npz(file, [npy.Part(tmp_path / f"{i}.npz", 2) for i in (1, 2)], "{}")
