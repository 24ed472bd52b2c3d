"""Who asks, and whether they may: a key or an OIDC token in `Authorization: Bearer`, its tenant and its scopes."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app, g, request

from workers import logs
from workers.errors import Unavailable
from workers.keys import Caller
from workers.ledger.audit import Actor, act

from .context import service
from .problems import Problem
from .tokens import Tokens

OPEN = frozenset(
    {"health.health", "health.ready", "page.index", "page.plotly", "page.example", "static", "openapi.spec"}
)
"""What tells nothing of a tenant: asked without a key too."""
PUBLIC = Caller("", "nobody", ())
_NO_MATTER_WHO = OPEN
"""Answered without asking the ledger, which may be what is broken."""
_TOKEN_DOTS = 2
"""A token has three parts, a key two."""
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="onnxplain"'}


def identify_callers(app: Flask, tokens: Tokens | None) -> None:
    """Note for every request who asks; with an issuer of tokens nobody comes in without one or a key."""
    app.extensions["tokens"] = tokens
    app.before_request(_identify)


def require_keys(app: Flask) -> None:
    """Let no request through that does not show the key it needs."""
    app.before_request(_authorise)


def _identify() -> None:
    g.unsure = None
    found = PUBLIC if request.endpoint in _NO_MATTER_WHO else _caller(_shown())
    g.caller = found or PUBLIC
    g.refused = found is None
    act(Actor(g.caller.id, g.request_id))
    logs.about(request=g.request_id, tenant=g.caller.tenant, actor=g.caller.id)


def _caller(shown: str | None) -> Caller | None:
    tokens = cast(Tokens | None, current_app.extensions["tokens"])
    if tokens is None or (shown is not None and shown.count(".") != _TOKEN_DOTS):
        return service().keys.caller(shown)
    if shown is None:
        return None
    try:
        return tokens.caller(shown)
    except Unavailable as e:
        # told where a key is asked for, after the rates: whoever guesses is counted
        g.unsure = e
        return None


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
    if g.unsure is not None:
        raise g.unsure
    if g.refused:
        raise Problem(
            401,
            "this needs a key or token that is known, has not expired and was not revoked: Authorization: Bearer KEY",
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
