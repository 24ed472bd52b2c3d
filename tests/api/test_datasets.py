"""Data sets: every accepted form, as a bare body and as a part, and what is none."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image


def npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(12, dtype=np.float32).reshape(3, 4))
    return buffer.getvalue()


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros((5, 2), np.float32), b=np.ones((5,), np.int64))
    return buffer.getvalue()


def pictures() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(3):
            picture = io.BytesIO()
            Image.new("RGB", (6, 4), (i, 0, 0)).save(picture, "PNG")
            archive.writestr(f"{i}.png", picture.getvalue())
    return buffer.getvalue()


FORMS = {
    "npy": ("application/x-npy", npy, 3),
    "npz": ("application/x-npz", npz, 5),
    "csv": ("text/csv", lambda: b"x,y\n1,2\n3,4.5\n", 2),
    "zip": ("application/zip", pictures, 3),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_bare_body(client, form):
    kind, content, items = FORMS[form]
    answer = client.post("/v1/datasets", data=content(), content_type=kind)
    assert answer.status_code in (200, 201), answer.text
    assert answer.json["items"] == items
    again = client.get(answer.headers["Location"])
    assert again.json == answer.json


@pytest.mark.parametrize("form", FORMS)
def test_a_named_part_is_the_same_data_set(client, form):
    kind, content, _ = FORMS[form]
    bare = client.post("/v1/datasets", data=content(), content_type=kind).json["id"]
    part = client.post("/v1/datasets", data={"file": (io.BytesIO(content()), f"my {form} file.{form}")})
    assert (part.status_code, part.json["id"]) == (200, bare)


def test_columns_have_their_names(client):
    made = client.post("/v1/datasets", data=b"height,age\n1.5,2\n", content_type="text/csv")
    assert made.json["columns"] == ["height", "age"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/x-npy", b"garbage"),
        ("application/x-npz", b"PK\x03\x04"),
        ("text/csv", b""),
        ("application/zip", b"PK\x05\x06" + b"\0" * 18),
        ("application/x-npy", npy()[:-3]),
        ("application/octet-stream", b"\x00\x01\x02"),
    ],
)
def test_what_is_none_is_refused(client, kind, content):
    answer = client.post("/v1/datasets", data=content, content_type=kind)
    assert answer.status_code == 422, answer.text
    assert answer.mimetype == "application/problem+json"


def test_two_files_are_refused(client):
    parts = {"file": (io.BytesIO(npy()), "a.npy"), "more": (io.BytesIO(npy()), "b.npy")}
    assert client.post("/v1/datasets", data=parts).json["errors"][0]["pointer"] == "/file"


def test_a_data_set_is_listed_and_forgotten(client):
    made = client.post("/v1/datasets", data=b"z\n42\n", content_type="text/csv")
    here = made.headers["Location"]
    listed = client.get("/v1/datasets?limit=1")
    assert listed.json["datasets"][0]["id"] == made.json["id"]
    assert client.delete(here).status_code == 204
    assert client.get(here).status_code == 404


def test_nothing_of_an_upload_is_left_lying(client, app):
    client.post("/v1/datasets", data=npy(), content_type="application/x-npy")
    client.post("/v1/datasets", data={"file": (io.BytesIO(npz()), "a.npz")}).close()
    client.post("/v1/models", data=b"x" * 6_000_000, content_type="application/octet-stream")
    assert list(app.extensions["incoming"].iterdir()) == []
