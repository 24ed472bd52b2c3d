"""Logs: a line of text or of JSON, with the ids of request, tenant, job and attempt where there are some; never an input."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_about: ContextVar[dict[str, Any] | None] = ContextVar("about", default=None)


def about(**ids: Any) -> None:
    """Say what the lines of this thread are about from now on."""
    _about.set({name: value for name, value in ids.items() if value not in (None, "")})


def more(**ids: Any) -> None:
    """Say what else they are about."""
    about(**(_about.get() or {}) | ids)


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        fields = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(),
            **(_about.get() or {}),
        }  # fmt: skip
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def configure(form: str, level: int = logging.WARNING) -> None:
    """Write this process's logs to stderr; what the service says of its own work is said from INFO on in JSON."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else text)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if form == "json":
        for name in ("onnxplain", "workers", "api"):
            logging.getLogger(name).setLevel(logging.INFO)
