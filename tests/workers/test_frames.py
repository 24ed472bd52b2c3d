from __future__ import annotations

import json
import os
import resource
import socket
import struct
import threading
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from workers.errors import InputUnreadable
from workers.runner import frames
from workers.runner.frames import BrokenFrame, Channel

ARRAYS = {
    "f": np.arange(6, dtype="f4").reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "strided": np.arange(12.0)[::2],
    "empty": np.zeros((0, 3), "i8"),
    "scalar": np.array(1.5),
    "bool": np.array([True, False]),
    "text": np.array(["a", "längere"], dtype=object),
}


@pytest.fixture
def ends():
    a, b = socket.socketpair()
    one, two = Channel(a), Channel(b, descriptors=True)
    yield one, two, a
    one.close()
    two.close()


def test_arrays_arrive_as_they_were_sent(ends):
    one, two, _ = ends
    one.send({"op": "x", "n": 1}, ARRAYS)
    frame = two.receive()
    assert frame.fields == {"op": "x", "n": 1}
    for name, a in ARRAYS.items():
        got = frame.arrays[name]
        assert got.shape == a.shape
        assert (got == (a.astype(str) if a.dtype == object else a)).all()


def test_descriptors_arrive_with_their_frame(ends, tmp_path):
    one, two, _ = ends
    path = tmp_path / "f"
    path.write_bytes(b"bytes")
    with path.open("rb") as file:
        one.send({"op": "x"}, descriptors=[file.fileno()])
    (descriptor,) = two.receive().descriptors
    assert os.read(descriptor, 10) == b"bytes"
    os.close(descriptor)


def header(fields, magic=b"oxp1", length=None):
    text = json.dumps(fields).encode() if isinstance(fields, dict | list) else fields
    return struct.pack("<4sI", magic, len(text) if length is None else length) + text


BROKEN = {
    "magic": header({"arrays": []}, magic=b"PICK"),
    "header too long": header(b"", length=frames.HEADER_BYTES + 1),
    "no json": header(b"{"),
    "a list": header([]),
    "no arrays": header({}),
    "too much": header({"arrays": [{"name": "a", "size": frames.ARRAYS_BYTES + 1}]}),
    "negative": header({"arrays": [{"name": "a", "size": -1}]}),
    "twice": header({"arrays": [{"name": "a", "size": 0}, {"name": "a", "size": 0}]}),
    "too many": header({"arrays": [{"name": str(i), "size": 0} for i in range(frames.ARRAY_COUNT + 1)]}),
    "deep": header(b"[" * 100_000),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_frame_is_refused_before_it_is_read(ends, name):
    _, two, raw = ends
    raw.setblocking(True)
    raw.sendall(BROKEN[name][:150_000])
    with pytest.raises(BrokenFrame):
        two.receive()


@pytest.mark.parametrize("cut", [0, 3, 8, 20, 60, 100, 180])
def test_a_frame_cut_off_is_refused(cut):
    a, b = socket.socketpair()
    Channel(a).send({"op": "x"}, {"a": np.arange(20.0)})
    whole = b.recv(1 << 16)
    c, d = socket.socketpair()
    c.sendall(whole[:cut])
    c.close()
    with pytest.raises(BrokenFrame):
        Channel(d).receive()
    for s in (a, b, d):
        s.close()


def test_an_array_longer_than_its_header_says_is_refused(ends):
    _, two, raw = ends
    body = frames.npy.header_bytes((2,), np.dtype("f8")) + bytes(24)
    raw.setblocking(True)
    raw.sendall(header({"arrays": [{"name": "a", "size": len(body)}]}) + body)
    with pytest.raises(BrokenFrame):
        two.receive()


def test_an_array_of_objects_is_refused(ends):
    _, two, raw = ends
    body = (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", 54)
        + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"
    )
    raw.setblocking(True)
    raw.sendall(header({"arrays": [{"name": "a", "size": len(body)}]}) + body)
    with pytest.raises(InputUnreadable):
        two.receive()


def test_a_process_may_have_more_than_a_thousand_files_open():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("this machine allows no process more than a thousand open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    with ExitStack() as stack:
        nothing = stack.enter_context(Path(os.devnull).open("rb"))
        for _ in range(1100):
            stack.callback(os.close, os.dup(nothing.fileno()))
        a, b = socket.socketpair()
        assert a.fileno() > 1023
        one, two = Channel(a), Channel(b)
        stack.callback(one.close)
        stack.callback(two.close)
        assert not two.ready()
        threading.Timer(0.3, lambda: one.send({"op": "x"})).start()
        assert two.receive().fields == {"op": "x"}
