"""The OpenAPI 3.1 document: what APIFlask derives from the routes, and what it cannot know."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from apiflask import APIFlask

from .answers import Problem
from .datasets import MEDIA_TYPES
from .problems import MEDIA_TYPE

_AT = "#/components/schemas/"
PROBLEM = {"$ref": f"{_AT}Problem"}
_BINARY = {"type": "string", "contentMediaType": "application/octet-stream"}
_FILE = {"type": "string", "format": "binary"}
_HEADERS = {
    "Location": {"description": "Address of what was made.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds after which to ask again.", "schema": {"type": "integer"}},
    "Link": {"description": 'The next page, as rel="next" (RFC 8288).', "schema": {"type": "string"}},
}
_ASKED = {
    "submit_job": [
        ("Idempotency-Key", "The same key and body again get the same job.", "^[!-~]{1,255}$"),
        (
            "Prefer",
            "wait=N: answer with the result if it is there within N seconds (at most 60).",
            "^[ -~]*$",
        ),
    ],
    "job_events": [("Last-Event-ID", "Resume after this event.", "^[0-9]{1,18}$")],
}
_GIVEN = {
    "upload_model": ("201", ["Location"]),
    "upload_dataset": ("201", ["Location"]),
    "submit_job": ("202", ["Location", "Retry-After"]),
    "list_jobs": ("200", ["Link"]),
    "list_models": ("200", ["Link"]),
    "list_datasets": ("200", ["Link"]),
    "job_items": ("200", ["Link"]),
}

_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, from `onnxplain keys create`; loopback needs none while there are none.",
}


def install(app: APIFlask, issuer: str | None) -> None:
    """Complete the document of this app; it is made once, on the first request for it."""
    app.security_schemes = {"key": _KEY}
    if issuer is not None:
        address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        app.security_schemes["token"] = {"type": "openIdConnect", "openIdConnectUrl": address}
    app.description = "Explains what an ONNX model did, and why. Errors are problem documents (RFC 9457)."
    app.license = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    app.spec_processor(_complete)


def _complete(document: Any) -> Any:
    problem = Problem.model_json_schema(ref_template=f"{_AT}Problem.{{model}}")
    schemas = document["components"]["schemas"]
    schemas |= {f"Problem.{name}": schema for name, schema in problem.pop("$defs").items()} | {
        "Problem": problem
    }
    for unused in ("HTTPError", "ValidationError"):
        schemas.pop(unused, None)
    document["security"] = [{name: []} for name in document["components"]["securitySchemes"]]
    for path in document["paths"].values():
        for operation in path.values():
            _add_security(operation)
            _add_headers(operation)
            _add_body(operation)
            _add_other_answers(operation)
            _make_problems(operation)
    return _shorten(document)


def _shorten(document: dict[str, Any]) -> dict[str, Any]:
    """Give a model that several others contain one component instead of one per container."""
    schemas, text = document["components"]["schemas"], json.dumps(document)
    kinds: dict[str, set[str]] = defaultdict(set)
    for name, schema in schemas.items():
        kinds[_last(name)].add(json.dumps(schema, sort_keys=True).replace(f"{name.partition('.')[0]}.", ""))
    # longest first: no name is then a beginning of a later one
    for name in sorted(schemas, key=len, reverse=True):
        if len(kinds[_last(name)]) == 1:
            text = text.replace(f'"{_AT}{name}"', f'"{_AT}{_last(name)}"')
    short: dict[str, Any] = json.loads(text)
    renamed = {
        _last(n) if len(kinds[_last(n)]) == 1 else n: s for n, s in short["components"]["schemas"].items()
    }
    short["components"]["schemas"] = dict(sorted(renamed.items()))
    return short


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _add_security(operation: dict[str, Any]) -> None:
    if operation.get("operationId") in ("health", "ready"):
        operation["security"] = []
    else:
        operation["responses"] |= {"401": {"description": "No key, or none that is known."},
                                   "403": {"description": "The key lacks the scope."}}  # fmt: skip


def _add_headers(operation: dict[str, Any]) -> None:
    name = operation.get("operationId", "")
    for header, text, pattern in _ASKED.get(name, []):
        field = {
            "name": header,
            "in": "header",
            "required": False,
            "description": text,
            "schema": {"type": "string", "pattern": pattern},
        }
        operation["parameters"].append(field)
    status, given = _GIVEN.get(name, ("", []))
    if given:
        operation["responses"][status]["headers"] = {h: _HEADERS[h] for h in given}


def _add_body(operation: dict[str, Any]) -> None:
    name = operation.get("operationId", "")
    if name == "upload_model":
        operation["requestBody"] = {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": _BINARY},
                "multipart/form-data": {"schema": _model_form()},
            },
        }
    elif name == "upload_dataset":
        form = {"type": "object", "required": ["file"], "properties": {"file": _FILE}}
        content = {kind: {"schema": _BINARY} for kind in MEDIA_TYPES}
        operation["requestBody"] = {
            "required": True,
            "content": content | {"multipart/form-data": {"schema": form}},
        }
    elif name == "submit_job":
        body = operation["requestBody"]
        body["required"] = True
        body["content"]["multipart/form-data"] = _job_form(body["content"]["application/json"]["schema"])


def _model_form() -> dict[str, Any]:
    card = {"$ref": "#/components/schemas/ModelAnswer.Card"}
    return {
        "type": "object",
        "required": ["model"],
        "additionalProperties": False,
        "properties": {"model": _FILE, "external": {"type": "array", "items": _FILE}, "card": card},
    }


def _job_form(request: dict[str, Any]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["request"],
        "properties": {"request": request},
        "additionalProperties": _FILE,
    }
    return {"schema": schema, "encoding": {"request": {"contentType": "application/json"}}}


def _add_other_answers(operation: dict[str, Any]) -> None:
    kinds = {
        "upload_model": ["ModelAnswer"],
        "upload_dataset": ["DatasetAnswer"],
        "submit_job": ["ResultAnswer", "JobAnswer"],
    }
    answers = [{"$ref": _AT + kind} for kind in kinds.get(operation.get("operationId", ""), [])]
    if answers:
        schema = answers[0] if len(answers) == 1 else {"anyOf": answers}
        operation["responses"]["200"]["content"] = {"application/json": {"schema": schema}}


def _make_problems(operation: dict[str, Any]) -> None:
    """Give every error its media type, and every operation the errors that any request can meet."""
    responses = operation["responses"]
    responses["default"] = {"description": "Any other refusal.", "content": {MEDIA_TYPE: {"schema": PROBLEM}}}
    for status, response in responses.items():
        if operation.get("operationId") == "ready" and status == "503":
            response["content"] = responses["200"]["content"]
        elif status[0] in "45":
            response["content"] = {MEDIA_TYPE: {"schema": PROBLEM}}
