"""What gunicorn loads: the app on a service that is opened after the fork."""

from __future__ import annotations

from apiflask import APIFlask

from workers import logs, traces
from workers.service import Service
from workers.settings import Settings

from .app import create_app


def application() -> APIFlask:
    """Open the service that the environment describes, and return the app on it."""
    settings = Settings()
    logs.configure(settings.log_format)
    traces.configure(settings, "api")
    return create_app(Service.open(settings), settings)
