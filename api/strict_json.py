"""JSON as a service may accept it: bounded in depth, no duplicate keys, no number that a double or an int64 cannot hold."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from flask.json.provider import DefaultJSONProvider

from explainers.errors import InvalidRequest

DEPTH = 64
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS = bytes(b for b in range(256) if b not in b"[]{}")
# of a body only the form of its numbers: 0 for a digit, points, e; a blank for all else, and nothing for a plus
_FORM = bytes.maketrans(
    bytes(range(256)),
    bytes(
        ord("0") if b in b"0123456789" else ord("e") if b in b"eE" else b if b in b"." else ord(" ")
        for b in range(256)
    ),
)
_LONG_INT = (b" " + b"0" * 19,)
# with fewer digits before the point an exponent of two digits is never too much
_LARGE_FLOAT = (b"e000", b" " + b"0" * 200)
_ODD_TEXT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class MalformedJson(ValueError):
    """A body that is no JSON, or JSON that no honest client writes."""


def loads(body: bytes) -> Any:
    """Parse a JSON body; what is no JSON raises MalformedJson, what JSON cannot carry on raises InvalidRequest with pointers."""
    seen: list[str] = []
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=_object, parse_constant=_constant(seen), **_numbers(body)
        )
    except (UnicodeDecodeError, RecursionError, json.JSONDecodeError) as e:
        raise MalformedJson(_reason(e)) from e
    if _too_deep(body):
        raise MalformedJson(f"the JSON nests deeper than {DEPTH} levels")
    if seen or _ODD_TEXT.search(body):
        _refuse_unfit(value)
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"the body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    return (
        "the body is not UTF-8"
        if isinstance(error, UnicodeDecodeError)
        else f"the JSON nests deeper than {DEPTH} levels"
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedJson(f"the key {json.dumps(twice[:80])} stands twice in one object")
    return found


def _constant(seen: list[str]) -> Any:
    def constant(text: str) -> float:
        seen.append(text)
        return float(text)

    return constant


def _numbers(body: bytes) -> dict[str, Any]:
    # hooks slow every number down, so they are used only where one may be too large
    form = b" " + body.translate(_FORM, b"+")
    hooks = {"parse_int": (_LONG_INT, _int), "parse_float": (_LARGE_FLOAT, _float)}
    return {name: hook for name, (forms, hook) in hooks.items() if any(f in form for f in forms)}


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise MalformedJson(f"the number {text[:40]} is too large for a double")
    return value


def _int(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise MalformedJson(f"the number {text[:40]} is too large for 64 bits")
    return int(text)


def _too_deep(body: bytes) -> bool:
    """Strip the innermost brackets DEPTH times; what then remains of valid JSON was deeper."""
    brackets = _STRING.sub(b"", body).translate(None, _NOT_BRACKETS)
    for _ in range(DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)


def _refuse_unfit(value: Any) -> None:
    faults = [{"pointer": pointer, "detail": detail} for pointer, detail in _unfit(value)]
    if faults:
        raise InvalidRequest.of(faults[:20])


def _unfit(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the pointer of every NaN, infinity, NUL and lone surrogate."""
    waiting = [("", value)]
    while waiting:
        at, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{at}/{escape(key)}", child) for key, child in value.items()]
            waiting += [(at, key) for key in value]
        elif isinstance(value, list):
            waiting += [
                (f"{at}/{i}", child)
                for i, child in enumerate(value)
                if isinstance(child, float | str | list | dict)
            ]
        elif isinstance(value, float) and not math.isfinite(value):
            yield at, "is NaN or an infinity; explanations need finite numbers"
        elif isinstance(value, str) and not _storable(value):
            yield at, "holds a NUL or half a surrogate pair, which no text can carry"


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def escape(step: object) -> str:
    """Return one step of a JSON pointer, escaped as RFC 6901 asks; what is no text becomes a question mark."""
    text = str(step).encode("utf-8", "replace").decode()
    return text.replace("~", "~0").replace("/", "~1")


class StrictJson(DefaultJSONProvider):
    """Flask's JSON with strict reading, and writing that never emits a bare NaN."""

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """Parse as `strict_json.loads` does."""
        return loads(s.encode() if isinstance(s, str) else s)

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Write JSON; NaN is a defect of ours, not something to send."""
        return super().dumps(obj, **{"allow_nan": False, **kwargs})
