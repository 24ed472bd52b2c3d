from __future__ import annotations

import io
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from explainers.errors import ExplainError, ResourceLimit
from workers.runner import readers

LIMIT = 1 << 20


def read(data: bytes, name: str):
    return readers.read(io.BytesIO(data), name, LIMIT)


def zipped(members: dict[str, bytes], how=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def npy(a) -> bytes:
    out = io.BytesIO()
    np.save(out, a)
    return out.getvalue()


def picture(width: int = 5, height: int = 4, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 200, np.uint8)).save(out, kind)
    return out.getvalue()


def test_an_npz_keeps_its_names():
    table = read(zipped({"a.npy": npy(np.arange(3)), "b.npy": npy(np.ones((3, 2)))}), "x.npz")
    assert {n: a.shape for n, a in table.arrays.items()} == {"a": (3,), "b": (3, 2)}


@pytest.mark.parametrize(
    ("text", "columns", "rows"),
    [
        ("a,b\n1,2\n3,4.5\n", ["a", "b"], [[1, 2], [3, 4.5]]),
        ("1;2\r\n3;4\r\n", [], [[1, 2], [3, 4]]),
        ("\ufeffa\tb\n1\t2\n", ["a", "b"], [[1, 2]]),
    ],
)
def test_a_table_is_read_with_or_without_a_header(text, columns, rows):
    table = read(text.encode(), "t.csv")
    assert table.columns == columns
    np.testing.assert_array_equal(table.arrays[""], np.array(rows, "f4"))


def test_parquet_is_read():
    out = io.BytesIO()
    parquet.write_table(pa.table({"a": [1.5, 2.5], "b": [1, 2]}), out)
    table = read(out.getvalue(), "t.parquet")
    assert table.columns == ["a", "b"]
    np.testing.assert_array_equal(table.arrays[""], np.array([[1.5, 1], [2.5, 2]], "f4"))


def test_a_zip_of_pictures_is_read_in_the_order_of_the_names():
    table = read(zipped({"b.png": picture(), "a.jpg": picture(kind="JPEG")}), "p.zip")
    assert (table.kind, table.arrays[""].shape) == ("images", (2, 4, 5, 3))


def lying(bomb: bytes) -> bytes:
    """The bomb, its sizes said to be 16 bytes."""
    return bomb.replace((8 * (1 << 22) + 128).to_bytes(4, "little"), b"\x10\0\0\0")


REFUSED = {
    "nothing known": (b"hello", "x.bin"),
    "empty": (b"", "x.csv"),
    "ragged": (b"1,2\n3\n", "x.csv"),
    "not utf-8": (b"\xff\xfe1,2", "x.csv"),
    "bomb": (zipped({"a.npy": npy(np.zeros(1 << 22))}), "x.npz"),
    "lying bomb": (lying(zipped({"a.npy": npy(np.zeros(1 << 22))})), "x.npz"),
    "climbing": (zipped({"../a.txt": b"x"}), "x.npz"),
    "mixed": (zipped({"a.npy": npy(np.ones(2)), "b.png": picture()}), "x.zip"),
    "nested": (zipped({"a.zip": zipped({"b.npy": npy(np.ones(2))})}), "x.zip"),
    "pickled": (zipped({"a.npy": npy(np.ones(2)).replace(b"<f8", b"|O8")}), "x.npz"),
    "truncated": (zipped({"a.npy": npy(np.ones(200))})[:150], "x.npz"),
    "sizes differ": (zipped({"a.png": picture(), "b.png": picture(6)}), "x.zip"),
    "no picture": (zipped({"a.png": b"\x89PNG\r\n\x1a\nrest"}), "x.zip"),
    "many": (zipped({f"{i}.npy": b"" for i in range(1001)}), "x.npz"),
    "half parquet": (b"PAR1xxxxxxxxxxxxPAR1", "x.parquet"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_words(name):
    with pytest.raises(ExplainError) as refused:
        read(*REFUSED[name])
    assert len(refused.value.detail) > 20


@pytest.mark.parametrize("name", ["a.png", "x.npy"])
def test_an_archive_that_unpacks_to_more_than_the_limit_is_refused_before_it_is_unpacked(name):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}{name}", bytes(1 << 20))
    with pytest.raises(ResourceLimit, match="larger than"):
        readers.read(io.BytesIO(out.getvalue()), "x.zip", 2 << 20)
