"""Uploads in very many pieces of one byte, or that lie about their length: taken whole or refused, in little memory."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from reference.hostile_models import plain

HEAD = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nConnection: close\r\n{}\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"
BLOCK = 1 << 16


def pieces(data: bytes) -> bytes:
    """Return a body in chunks of one byte each."""
    return b"".join(b"1\r\n%c\r\n" % byte for byte in data)


def exchange(url: str, head: str, body: Iterator[bytes]) -> tuple[int, bytes]:
    """Send a request and return its status and its body; a server may answer and close before all is sent."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=120) as client:
        try:
            client.sendall(head.encode())
            for block in body:
                client.sendall(block)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        while part := client.recv(BLOCK):
            answer += part
    head_, _, rest = answer.partition(b"\r\n\r\n")
    return int(head_.split()[1]), rest


def test_a_good_model_in_pieces_of_one_byte_is_taken(url):
    head = HEAD.format("/v1/models", "application/octet-stream", CHUNKED)
    status, said = exchange(url, head, iter([pieces(plain().SerializeToString()), END]))
    assert status in (200, 201), said


@pytest.mark.parametrize("kind", ["/v1/models", "/v1/datasets"])
def test_a_hundred_thousand_pieces_of_one_byte_are_refused_by_what_they_are(url, kind, good_after):
    media = {"/v1/models": "application/octet-stream", "/v1/datasets": "text/csv"}[kind]
    many = (pieces(b"x" * 10_000) for _ in range(10))

    def bad() -> None:
        status, said = exchange(url, HEAD.format(kind, media, CHUNKED), (*many, END))
        assert status == 422, said

    good_after(bad)


LIES = {
    "a size that is no number": (CHUNKED, b"zz\r\nx\r\n", {400}),
    "a negative size": (CHUNKED, b"-1\r\nx\r\n", {400}),
    "a size beyond any": (CHUNKED, b"f" * 40 + b"\r\nx\r\n", {400, 408, 413}),
    "a longer chunk than its size": (CHUNKED, b"1\r\nxyz\r\n" + END, {400}),
    "two lengths": ("Content-Length: 1\r\nContent-Length: 9\r\n", b"x", {400}),
    "a negative length": ("Content-Length: -1\r\n", b"x", {400}),
    "a length of words": ("Content-Length: many\r\n", b"x", {400}),
    "a length of terabytes": ("Content-Length: 9999999999999\r\n", b"x", {413}),
    "both": ("Content-Length: 3\r\n" + CHUNKED, b"1\r\nx\r\n" + END, {400}),
}


@pytest.mark.parametrize(("length", "body", "statuses"), LIES.values(), ids=LIES)
def test_a_lie_about_the_length_is_refused_at_once(url, length, body, statuses):
    status, said = exchange(url, HEAD.format("/v1/datasets", "text/csv", length), iter([body]))
    assert status in statuses, said
    assert b"Traceback" not in said
