"""How often one caller may ask, counted in this process; quotas of jobs and bytes are the ledger's."""

from __future__ import annotations

from flask import Flask, g, request
from flask_limiter import Limiter

from workers.keys import LOCAL
from workers.settings import Settings

from .auth import OPEN


def install(app: Flask, settings: Settings) -> None:
    """Count requests by key; and by address those that show no valid one, as whoever guesses keys does."""

    def rate() -> str:
        return settings.refused_rate if g.refused else settings.request_rate

    def exempt() -> bool:
        return g.caller is LOCAL or request.endpoint in OPEN or not rate()

    Limiter(
        _who, app=app, application_limits=[rate], application_limits_exempt_when=exempt, headers_enabled=True,
        storage_uri="memory://", strategy="moving-window",
    )  # fmt: skip


def _who() -> str:
    return f"address {request.remote_addr}" if g.refused else f"key {g.caller.id}"
