"""What gunicorn loads: the app on a service that is opened after the fork."""

from __future__ import annotations

import gc

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
    app = create_app(Service.open(settings), settings)
    # what is here now stays for good: to search it for garbage again and again would hold requests up for a tenth of a second
    gc.freeze()
    return app
