"""Bad data sets and input files over HTTP: each refused in words, nothing unpacked beyond its bound, nothing executed."""

from __future__ import annotations

import io
import json
import pickle
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

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


def damaged() -> bytes:
    """Return an archive whose member is no stream of its kind."""
    data = bytearray(archive(**{"x.npy": zeros(1 << 12)}))
    data[40:60] = b"\xff" * 20
    return bytes(data)


def promising(size: int) -> bytes:
    """Return an archive of two members that announce more than the limit together, and hold little."""
    data = bytearray(archive(**{"x.npy": zeros(1 << 16), "y.npy": zeros(1 << 16)}))
    at = data.index(b"PK\x01\x02")
    while at >= 0:
        data[at + 24 : at + 28] = min(size // 2, (1 << 32) - 2).to_bytes(4, "little")
        at = data.find(b"PK\x01\x02", at + 4)
    return bytes(data)


def twice() -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as file:
        warnings.simplefilter("ignore")
        for _ in range(2):
            file.writestr("x.npy", GOOD)
    return out.getvalue()


def linked(where: str, mode: int = 0o120777) -> bytes:
    """Return an archive whose member says that it is a link, or a device."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        member = zipfile.ZipInfo("x.npy")
        member.create_system, member.external_attr = 3, mode << 16
        file.writestr(member, where)
    return out.getvalue()


def locked() -> bytes:
    """Return an archive that says that its member is encrypted."""
    data = bytearray(archive(**{"x.npy": GOOD}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
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
    "a header that never ends": npy("{'descr': '<f4', (\n"),
    "a header of zeros": npy("{'descr': '<f4\0'}\n"),
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
    "damaged in the middle": damaged(),
    "ten gigabytes of nothing": promising(10 << 30),
    "within itself": archive(**{"x.npz": archive(**{"y.npz": archive(**{"z.npy": GOOD})})}),
    "a hundred thousand": archive(**{f"{i}.npy": b"" for i in range(100_000)}),
    "one name twice": twice(),
    "locked": locked(),
    "a link": linked("/etc/passwd"),
    "a device": linked("", 0o020666),
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


def test_the_next_good_job_is_done_within_five_seconds(web, good_after):
    def bad() -> None:
        for kind, data in [(kind, data) for kind, rows in KINDS.items() for data in list(rows.values())[:5]]:
            web.post("/v1/datasets", content=data, headers={"Content-Type": kind})

    good_after(bad)


def test_there_are_many():
    assert len(BAD) + len(PICTURES) >= 70
