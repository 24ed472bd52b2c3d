"""Where in the client's body a fault lies: pydantic's locations as JSON pointers (RFC 6901)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from explainers import registry

from .strict_json import escape

_OF_THE_METHOD = {"union_tag_invalid", "union_tag_not_found"}


def faults(error: ValidationError, body: Any) -> list[dict[str, str]]:
    """Return one `{"pointer", "detail"}` per faulty place of the body."""
    found: dict[str, list[str]] = {}
    for fault in error.errors(include_url=False, include_input=False):
        details = found.setdefault(_pointer(fault, body), [])
        detail = _detail(fault)
        if detail not in details:
            details.append(detail)
    # a union says of the whole what its best branch says of a part: the part is enough
    deepest = [p for p in found if not any(other.startswith(f"{p}/") for other in found)]
    return [{"pointer": pointer, "detail": " or ".join(found[pointer])} for pointer in deepest]


def _pointer(fault: Any, body: Any) -> str:
    steps = [*fault["loc"]]
    if fault["type"] in _OF_THE_METHOD:
        steps.append("method")
    missing = steps.pop() if fault["type"] == "missing" or fault["type"] in _OF_THE_METHOD else None
    real = list(_resolved(steps, body))
    return "".join(f"/{escape(s)}" for s in (real if missing is None else [*real, missing]))


def _resolved(steps: Iterable[int | str], body: Any) -> Iterator[int | str]:
    """Keep the steps that the body has; the others name a union's branches, which no client wrote."""
    for step in steps:
        if _has(body, step):
            body = body[step]
            yield step


def _has(body: Any, step: int | str) -> bool:
    if isinstance(body, list):
        return isinstance(step, int) and 0 <= step < len(body)
    return isinstance(body, dict) and step in body


def _detail(fault: Any) -> str:
    if fault["type"] == "union_tag_invalid":
        known = fault["ctx"]["expected_tags"].replace("'", "")
        return f"no method is called {fault['ctx']['tag'][:80]!r}; there are: {known}"
    if fault["type"] == "union_tag_not_found":
        return "is missing: name the method; GET /v1/methods lists them"
    if fault["type"] == "extra_forbidden":
        return _no_such_field(fault["loc"])
    if fault["type"] == "missing":
        return "is missing"
    words = str(fault["msg"]).replace("Input should", "must").replace("valid dictionary", "JSON object")
    return re.sub(r" or instance of \w+", "", words)


def _no_such_field(location: tuple[int | str, ...]) -> str:
    method = registry.methods().get(str(location[0]))
    if method is None or len(location) != 3 or location[1] != "params":
        return "there is no such field here"
    return f"{method.name} has no such parameter; it has: {', '.join(method.params.model_fields)}"
