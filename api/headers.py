"""What every answer carries: a request id, and headers that keep browsers strict."""

from __future__ import annotations

import logging
import uuid

from flask import Flask, Response, g, request

log = logging.getLogger("onnxplain.api")
_CONTENT_SECURITY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS = {
    "Content-Security-Policy": _CONTENT_SECURITY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def install(app: Flask) -> None:
    """Give every request an id and every answer its headers."""
    app.before_request(_name_request)
    app.after_request(_add)


def _name_request() -> None:
    # never the client's own: it would let one client write another's id into the log
    g.request_id = str(uuid.uuid4())


def _add(response: Response) -> Response:
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-Id"] = g.request_id
    if request.path.startswith("/v1/"):
        response.headers.setdefault("Cache-Control", "no-store")
    # the route, not the address: names and ids of a query are the client's
    log.info("%s %s %d", request.method, request.url_rule or "(no route)", response.status_code)
    return response
