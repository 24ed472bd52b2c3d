"""Who asks, and whether they may: a key in `Authorization: Bearer`, its tenant and its scopes."""

from __future__ import annotations

from flask import Flask, g, request

from workers import logs
from workers.keys import Caller
from workers.ledger.audit import Actor, act

from .context import service
from .problems import Problem

OPEN = frozenset({"health.health", "health.ready", "page.index", "static", "openapi.spec"})
"""What tells nothing of a tenant: asked without a key too."""
PUBLIC = Caller("", "nobody", ())
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="onnxplain"'}


def identify_callers(app: Flask) -> None:
    """Note for every request who asks."""
    app.before_request(_identify)


def require_keys(app: Flask) -> None:
    """Let no request through that does not show the key it needs."""
    app.before_request(_authorise)


def _identify() -> None:
    found = service().keys.caller(_shown())
    g.caller = found or PUBLIC
    g.refused = found is None
    act(Actor(g.caller.id, g.request_id))
    logs.about(request=g.request_id, tenant=g.caller.tenant, actor=g.caller.id)


def _shown() -> str | None:
    """Return the key that the request shows; any other kind of credentials is a wrong key."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    kind, _, text = header.partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""


def _authorise() -> None:
    if request.endpoint in OPEN:
        return
    if g.refused:
        raise Problem(
            401,
            "this needs a key that is known, has not expired and was not revoked: Authorization: Bearer KEY",
            _CHALLENGE,
        )
    scope = needed(request.method, request.blueprint)
    if not g.caller.may(scope):
        raise Problem(
            403, f"this key lacks the scope {scope!r}; ask the operator for one that has it",
            code="scope-missing", title="The key may not do this", scope=scope,
        )  # fmt: skip


def needed(method: str, blueprint: str | None) -> str:
    """Return the scope that a request needs."""
    if blueprint == "metrics":
        return "admin"
    if method in ("GET", "HEAD", "OPTIONS"):
        return "read"
    return "models" if blueprint in ("models", "datasets") else "submit"
