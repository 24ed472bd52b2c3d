"""Who may ask while there are no keys: programs of this machine, and pages of this very service; no page of another site."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request

from .problems import Problem

HOSTS = ["localhost", "127.0.0.1", "[::1]"]
"""A name that another machine's DNS points at this one is none of these (DNS rebinding)."""


def install(app: Flask) -> None:
    """Refuse what a browser sends on behalf of another site."""
    app.before_request(_refuse_other_sites)


def _refuse_other_sites() -> None:
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise Problem(403, "requests from pages of other sites are not accepted", code="foreign-origin")
