"""JSON that no honest client writes is refused; JSON that no text or number can carry on is placed."""

from __future__ import annotations

import json

import pytest

from api import strict_json
from api.strict_json import MalformedJson, loads
from explainers.errors import InvalidRequest

PLAIN = {
    "a": [1, -2.5, 1e300, None, True, 'ü " [ { \\'],
    "b": {"c": []},
    "big": 2**63,
    "pi": 3.14159265358979323846,
}


def nested(depth: int, left: str = "[", right: str = "]") -> bytes:
    return (left * depth + "1" + right * depth).encode()


def test_plain_json_is_read():
    assert loads(json.dumps(PLAIN).encode()) == PLAIN
    assert loads(json.dumps(PLAIN, ensure_ascii=False).encode()) == PLAIN


def test_depth_is_bounded_at_the_documented_level():
    assert loads(nested(strict_json.DEPTH))
    with pytest.raises(MalformedJson, match="deeper than 64"):
        loads(nested(strict_json.DEPTH + 1))


@pytest.mark.parametrize(
    "bomb",
    [nested(100_000), nested(900), nested(300, '{"a":', "}"), b"[" * 200_000, nested(70, '[1,"]",', ",2]")],
)
def test_depth_bombs_are_refused(bomb):
    with pytest.raises(MalformedJson):
        loads(bomb)


def test_brackets_in_strings_are_no_depth():
    text = ["[" * 500, '\\"' + "{" * 500, "]" * 500]
    assert loads(json.dumps(text).encode()) == text


def test_duplicate_keys_are_refused_and_named():
    with pytest.raises(MalformedJson, match='"seed" stands twice'):
        loads(b'{"a": {"seed": 1, "b": 2, "seed": 3}}')


@pytest.mark.parametrize(
    "number",
    [
        "1e999",
        "-1e400",
        "1E+0400",
        "1" + "0" * 250 + "e99",
        "9" * 400 + ".0",
        str(2**64),
        str(-(2**63) - 1),
        "9" * 5000,
    ],
)
def test_numbers_beyond_64_bits_are_refused(number):
    with pytest.raises(MalformedJson, match="too large"):
        loads(f'{{"seed": {number}}}'.encode())


@pytest.mark.parametrize(
    "number",
    [
        str(2**64 - 1),
        str(-(2**63)),
        "1e308",
        "0.12345678901234567890123",
        "1e-999",
        "1e-0400",
        "1" + "0" * 190 + ".5e99",
    ],
)
def test_numbers_within_64_bits_are_read(number):
    assert loads(f"[{number}]".encode()) == [json.loads(number)]


@pytest.mark.parametrize("body", [b"", b"{", b"{'a': 1}", b"[1,]", b"\xff\xfe", b'{"a": }', b"nul"])
def test_what_is_no_json_is_refused(body):
    with pytest.raises(MalformedJson):
        loads(body)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"inputs": [{"data": [1, NaN]}]}', "/inputs/0/data/1"),
        (b'{"a/b": {"c~d": -Infinity}}', "/a~1b/c~0d"),
        (b'{"model": "x\\u0000"}', "/model"),
        (b'{"inputs": [{"data": ["\\ud800"]}]}', "/inputs/0/data/0"),
        (b'{"\\udfff": 1}', ""),
    ],
)
def test_what_nothing_can_carry_is_placed(body, pointer):
    with pytest.raises(InvalidRequest) as caught:
        loads(body)
    assert caught.value.extra["errors"][0]["pointer"] == pointer


def test_surrogate_pairs_are_text():
    assert loads(b'"\\ud83d\\ude00"') == "\U0001f600"
