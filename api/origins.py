"""Which pages may ask: those of this very service, and of the origins that the operator lists; no other site's."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from workers.keys import LOCAL

from .problems import Problem

HOSTS = ("localhost", "127.0.0.1", "[::1]")
"""Without keys the service has these names alone: one that another machine's DNS points here is none (DNS rebinding)."""
_ANY_REQUEST = {
    "Access-Control-Expose-Headers": "Location, Link, Retry-After, X-Request-Id, Preference-Applied, Repr-Digest",
    "Vary": "Origin",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Prefer, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}


def install(app: Flask, listed: Collection[str]) -> None:
    """Refuse what a browser sends on behalf of another site; answer the listed ones as CORS wants it."""

    def refuse() -> Response | None:
        if g.caller is LOCAL:
            _refuse_other_names()
        origin = request.headers.get("Origin")
        # without keys a page could do everything, so that none but our own may ask
        if origin in listed and g.caller is not LOCAL:
            return Response(status=204, headers=_PREFLIGHT) if request.method == "OPTIONS" else None
        foreign = origin is not None and urlsplit(origin).netloc != request.host
        if foreign or request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            raise Problem(403, "requests from pages of other sites are not accepted", code="foreign-origin")
        return None

    def allow(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if origin in listed and g.get("caller") is not LOCAL:
            response.headers.update({"Access-Control-Allow-Origin": origin, **_ANY_REQUEST})
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    app.before_request(refuse)
    app.after_request(allow)


def _refuse_other_names() -> None:
    name = urlsplit(f"//{request.host}").hostname or ""
    if name not in HOSTS and f"[{name}]" not in HOSTS:
        raise Problem(
            400, "without keys this service is called localhost, 127.0.0.1 or [::1]", code="foreign-host"
        )
