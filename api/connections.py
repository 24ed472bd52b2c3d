"""Closing a connection whose body was refused unread: what is left of it would be taken for the next request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, request

_DRAINED_BYTES = 1 << 20
"""A rest as small as this the server reads away itself."""


def install(app: Flask) -> None:
    """Close connections after refusals of large bodies, and of bodies of unknown length."""
    app.after_request(_close_if_unread)
    app.wsgi_app = Closing(app.wsgi_app)  # type: ignore[method-assign]  # flask's documented place for middleware


def _close_if_unread(response: Response) -> Response:
    chunked = "Transfer-Encoding" in request.headers
    if response.status_code >= 400 and (chunked or (request.content_length or 0) > _DRAINED_BYTES):
        response.headers["Connection"] = "close"
    return response


class Closing:
    """Tells gunicorn's response itself, because gunicorn drops the header from the application's."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as the application does."""

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            force_close = getattr(getattr(start_response, "__self__", None), "force_close", None)
            if force_close is not None and ("Connection", "close") in headers:
                force_close()
            return start_response(status, headers, *more)

        return self._app(environ, start)
