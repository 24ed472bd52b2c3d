"""Every refusal as a problem document (RFC 9457), also those that Flask itself raises; bodies name nothing of the inside."""

from __future__ import annotations

import logging
from http import HTTPStatus
from pathlib import Path
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, current_app, g, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from explainers.errors import ExplainError
from workers.blobs import fitting
from workers.errors import Gone, StorageFull

from .pointers import faults
from .strict_json import MalformedJson

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("onnxplain.api")

_STATUS = {
    "not-found": 404,
    "conflict": 409,
    "not-ready": 409,
    "gone": 410,
    "too-large": 413,
    "quota-exceeded": 429,
    "unavailable": 503,
    "busy": 503,
    "ledger-unavailable": 503,
    "storage-full": 503,
}
_DETAILS = {
    404: "there is nothing at this address; GET /openapi.json lists what there is",
    401: "show a key that is valid: Authorization: Bearer KEY; `onnxplain keys create` makes one",
    405: "this address does not know the method; the Allow header lists those it knows",
    408: "the body did not arrive in time; send it again",
    413: "the body is larger than this service accepts; send a smaller one",
    414: "the address is longer than this service accepts",
    415: "the body's media type is not accepted here; GET /openapi.json lists the accepted ones",
    429: "too many requests; try again after Retry-After seconds",
    500: "the service failed; the fault is ours and is in its log under the instance of this answer",
}


class Problem(HTTPException):
    """A refusal that belongs to HTTP and not to explanations."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.code = status
        self.headers = headers or {}
        self.more = more


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """Return one problem document; `code` and `title` name its kind, the others are extension members."""
    phrase = HTTPStatus(status).phrase
    code = more.pop("code", "") or phrase.lower().replace(" ", "-")
    fields = {
        "type": f"urn:onnxplain:problem:{code}",
        "title": more.pop("title", "") or phrase,
        "status": status,
        "detail": detail,
        "instance": f"urn:uuid:{g.request_id}",
        "code": code,
        **more,
    }
    return Response(current_app.json.dumps(fields), status, {**(headers or {}), "Content-Type": MEDIA_TYPE})


def install(app: APIFlask) -> None:
    """Make every error of this app a problem document."""
    app.register_error_handler(ExplainError, _refused)
    app.register_error_handler(MalformedJson, _malformed)
    app.register_error_handler(OSError, _disk)
    app.register_error_handler(Exception, _ours)
    app.error_processor(_invalid)
    app.register_error_handler(HTTPException, _http)


def _refused(error: ExplainError) -> Response:
    fields = error.to_json()
    status = _status(fields["code"])
    if status == 404 or not fields["errors"]:
        fields.pop("errors")
    retry = fields.pop("retry_after", None)
    retry = 5 if retry is None and status == 503 else retry
    headers = {} if retry is None else {"Retry-After": f"{retry:.0f}"}
    return problem(status, fields.pop("detail"), headers, **fields)


def _status(code: str) -> int:
    # what the address names is missing: 404; what the body or the query names: a field that the client can mend
    if code == "not-found" and not request.view_args:
        return 422
    return _STATUS.get(code, 422)


def _malformed(error: MalformedJson) -> Response:
    return problem(400, str(error), code="malformed-json")


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, Problem):
        return problem(status, str(error.description), dict(error.headers), **error.more)
    detail = _DETAILS.get(status) or HTTPStatus(status).description or HTTPStatus(status).phrase
    kept = {
        k: v for k, v in error.get_headers() if k in ("Allow", "Retry-After", "Location", "WWW-Authenticate")
    }
    return problem(status, detail, kept)


def _invalid(error: HTTPError) -> Response:
    """Answer what APIFlask's validation refuses; any other error of APIFlask has its status alone."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return problem(error.status_code, _DETAILS.get(error.status_code, error.message or ""))
    query = cause.title.endswith("Query")
    errors = faults(cause, request.args.to_dict() if query else request.get_json())
    detail = "; ".join(f"{e['pointer'] or '/'}: {e['detail']}" for e in errors)
    return problem(422, detail, code="invalid-request", title="The request does not fit", errors=errors)


def _disk(error: OSError) -> Response:
    blobs = current_app.extensions["settings"].blobs
    if isinstance(error, FileNotFoundError) and Path(str(error.filename)).is_relative_to(blobs):
        # found in the ledger, and removed before it was opened
        return _refused(Gone("what was asked for was removed a moment ago"))
    try:
        with fitting():
            raise error
    except StorageFull as e:
        return _refused(e)
    except OSError:
        return _ours(error)


def _ours(error: Exception) -> Response:
    log.error("request %s failed", g.get("request_id"), exc_info=error)
    return problem(500, _DETAILS[500])
