"""OpenTelemetry spans from the request to the runner: off unless an address is set, and never with an input in them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .errors import Unavailable
from .settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import Tracer

log = logging.getLogger(__name__)
Kind = Literal["INTERNAL", "SERVER", "PRODUCER", "CONSUMER"]
PARENT = "traceparent"
RUNNER_STEPS = ("load", "explain")
SEND_SECONDS = 5.0
GATHER_SECONDS = 1.0
CLOSE_SECONDS = 1.0


@dataclass(frozen=True)
class _Pen:
    """What writes spans: of this process, and of the runners that it holds, which reach no network."""

    own: Tracer
    runner: Tracer
    processor: BatchSpanProcessor


_pen: _Pen | None = None


def configure(settings: Settings, part: str) -> None:
    """Send the spans of this process from now on; call after the fork. Without an address nothing is loaded."""
    global _pen  # noqa: PLW0603  one process, one collector
    if settings.traces_url is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as e:
        raise Unavailable("ONNXPLAIN_TRACES_URL needs OpenTelemetry: pip install 'onnxplain[traces]'") from e
    # a queue with an end, emptied by a thread: a collector that hangs loses spans and holds up nothing
    sender = OTLPSpanExporter(endpoint=settings.traces_url, timeout=SEND_SECONDS)
    processor = BatchSpanProcessor(sender, schedule_delay_millis=GATHER_SECONDS * 1000)
    own, runner = (_provider(name, processor).get_tracer("onnxplain") for name in (part, "runner"))
    _pen = _Pen(own, runner, processor)


def _provider(part: str, processor: BatchSpanProcessor) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(
        resource=Resource.create({"service.name": f"onnxplain-{part}"}), shutdown_on_exit=False
    )
    provider.add_span_processor(processor)
    return provider


def close() -> None:
    """Send what is left, if the collector takes it soon."""
    if _pen is not None:
        _pen.processor.force_flush(int(CLOSE_SECONDS * 1000))


@contextmanager
def span(
    name: str, kind: Kind = "INTERNAL", parent: str | None = None, link: str | None = None, **about: Any
) -> Iterator[None]:
    """Write a span around what is done here; `parent` is a traceparent from the ledger, `link` one of a stranger's."""
    if _pen is None:
        yield
        return
    from opentelemetry.trace import Link, SpanKind, get_current_span

    # a stranger's trace is pointed at and never entered: another's spans are not his to write among
    seen = get_current_span(_context(link)).get_span_context() if link else None
    with _pen.own.start_as_current_span(
        name, _context(parent), SpanKind[kind], _known(about), links=[Link(seen)] if seen and seen.is_valid else None,
        # messages of errors may quote inputs
        record_exception=False, set_status_on_exception=False,
    ):  # fmt: skip
        yield


def note(**about: Any) -> None:
    """Say more about the span around this."""
    if _pen is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(_known(about))


def current() -> str | None:
    """Return the span around this as a traceparent (W3C), for the ledger; None: there is none."""
    if _pen is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(PARENT)


def record(steps: Any, began: int) -> None:
    """Write what a runner says it did since `began`, as spans; what cannot be is left out, since nobody vouches for it."""
    if _pen is None:
        return
    now = time.time_ns()
    for step in steps if isinstance(steps, list) else []:
        if _possible(step, began, now):
            name, start, end = step
            _pen.runner.start_span(name, start_time=start).end(end)


def _possible(step: Any, began: int, now: int) -> bool:
    if not isinstance(step, list) or len(step) != 3 or step[0] not in RUNNER_STEPS:
        return False
    start, end = step[1:]
    return type(start) is int and type(end) is int and began <= start <= end <= now


def _context(parent: str | None) -> Any:
    if parent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({PARENT: parent})


def _known(about: dict[str, Any]) -> dict[str, Any]:
    return {f"onnxplain.{name}": value for name, value in about.items() if value is not None}
