"""Clients that take their time, more of them than there are threads: everyone else is answered meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import httpx
import pytest

from api.pace import GRACE_SECONDS, HEAD_SECONDS
from api.patience import threads
from workers.settings import Settings

MANY = threads(Settings()) + 8
HEAD = b"POST /v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
POST = HEAD + b"Content-Length: 100000\r\n\r\na,b\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\na,b\n\r\n"
BEGINNINGS = {
    "nothing": b"", "a letter": b"G", "half a head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ", "a body": POST,
    "pieces": CHUNKED,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _started(http):
    assert http.get("/healthz").status_code == 200


@contextmanager
def slow(url: str, first: bytes, count: int = MANY) -> Iterator[list[socket.socket]]:
    """Open connections that send a little and then nothing."""
    with ExitStack() as open_ones:
        place = (urlsplit(url).hostname, urlsplit(url).port)
        clients = [open_ones.enter_context(socket.create_connection(place, timeout=60)) for _ in range(count)]
        for client in clients:
            client.sendall(first)
        yield clients


@pytest.mark.parametrize("first", BEGINNINGS.values(), ids=BEGINNINGS)
def test_slow_clients_take_no_threads_from_others(url, first):
    with slow(url, first):
        for _ in range(5):
            # far below what any of them is given: whoever waited for their threads would fail here
            with httpx.Client(
                base_url=url, timeout=min(HEAD_SECONDS, GRACE_SECONDS) * 0.8, trust_env=False
            ) as client:
                assert client.get("/v1/methods").status_code == 200


def test_half_a_head_ends_in_a_closed_connection(url):
    # an end, or a reset where what was sent is still unread
    with slow(url, b"GET / HTTP/1.1\r\nHost: loc", 1) as (client,), suppress(ConnectionResetError):
        assert client.recv(1) == b""


def test_half_a_body_ends_in_408(url):
    with slow(url, POST, 1) as (client,):
        answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"Traceback" not in answer


def test_a_head_in_pieces_is_one_head_and_requests_follow_each_other(url):
    text = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with slow(url, b"", 1) as (client,):
        for _ in range(3):
            for letter in text:
                client.sendall(bytes([letter]))
            assert b'"status":"ok"' in answer_of(client)
        client.sendall(text * 2)
        assert answer_of(client).count(b"200 OK") == 1
        assert answer_of(client).count(b"200 OK") == 1


def answer_of(client: socket.socket) -> bytes:
    found = b""
    while b"\r\n\r\n" not in found:
        found += client.recv(1)
    length = int(found.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while not found.endswith(b"}\n") and len(found.split(b"\r\n\r\n", 1)[1]) < length:
        found += client.recv(1)
    return found


def test_a_head_without_end_is_refused(url):
    with slow(url, b"GET / HTTP/1.1\r\nX-A: " + b"a" * 40_000, 1) as (client,):
        assert client.recv(4096)[:12] == b"HTTP/1.1 431"
