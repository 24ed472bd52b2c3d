"""/v1/jobs/{id}/events: a job's progress and states as server-sent events, resumed by Last-Event-ID."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from apiflask import APIBlueprint
from apiflask.schemas import FileSchema
from flask import Response, request

from workers.records import EventRecord
from workers.service import Service, nap

from .context import caller, patience, service, tenant
from .problems import Problem

blueprint = APIBlueprint("events", __name__, url_prefix="/v1/jobs/<id>")

LONGEST_SECONDS = 300.0
HEARTBEAT_SECONDS = 15.0


@blueprint.get("/events")
@blueprint.output(
    FileSchema(type="string"),
    content_type="text/event-stream",
    description="A stream of `progress` and `state`.",
)
@blueprint.doc(
    operation_id="job_events", responses={204: "The last event was seen.", 429: "Too many streams are open."}
)
def events(id: str) -> Any:
    """Follow a job until it ends or five minutes have passed; Last-Event-ID resumes."""
    after = _last_seen()
    job = service().job(tenant(), id)
    if after and job.final and not service().events(tenant(), id, after):
        return Response(status=204)
    who = caller()
    if not patience().take(who):
        raise Problem(
            429,
            "too many streams are open; ask GET /v1/jobs/{id} instead, or come again",
            {"Retry-After": "5"},
        )
    answer = Response(
        _stream(service(), tenant(), id, after), content_type="text/event-stream; charset=utf-8"
    )
    answer.call_on_close(partial(patience().give_back, who))
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _last_seen() -> int:
    text = request.headers.get("Last-Event-ID", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Problem(400, "Last-Event-ID must be the id of an event of this stream")
    return int(text)


def _stream(service: Service, tenant: str, id: str, after: int) -> Iterator[str]:
    """Yield the events after one, then new ones as they come, and a comment now and then so that the line stays open."""
    began = spoke = time.monotonic()
    end = began + LONGEST_SECONDS
    yield "retry: 1000\n"
    while time.monotonic() < end:
        for event in service.events(tenant, id, after):
            after, spoke = event.id, time.monotonic()
            yield _text(event)
            if event.last:
                return
        if time.monotonic() - spoke >= HEARTBEAT_SECONDS:
            spoke = time.monotonic()
            yield ": still here\n\n"
        time.sleep(nap(time.monotonic() - began))


def _text(event: EventRecord) -> str:
    data = json.dumps({**event.data, "at": event.at.isoformat()}, allow_nan=False)
    return f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n"
