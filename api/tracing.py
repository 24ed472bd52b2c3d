"""A span for every request, named by its route, where the operator wants traces."""

from __future__ import annotations

from contextlib import ExitStack

from flask import Flask, Response, g, request

from workers import traces


def install(app: Flask) -> None:
    """Write a span around every request."""
    app.before_request(_begin)
    app.after_request(_note)
    app.teardown_request(_end)


def _begin() -> None:
    g.trace = ExitStack()
    # the route, not the address: names and ids of an address are the client's
    name = f"{request.method} {request.url_rule or '(no route)'}"
    link = request.headers.get(traces.PARENT)
    g.trace.enter_context(traces.span(name, "SERVER", link=link, request=g.request_id))


def _note(response: Response) -> Response:
    traces.note(status=response.status_code, tenant=g.caller.tenant if "caller" in g else None)
    return response


def _end(_error: BaseException | None) -> None:
    if "trace" in g:
        g.trace.close()
