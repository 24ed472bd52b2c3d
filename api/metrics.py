"""/metrics: what the ledger counts, for Prometheus; labels are our own words, never a client's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apiflask import APIBlueprint
from apiflask.schemas import FileSchema
from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from workers.records import Counts

from .context import service

blueprint = APIBlueprint("metrics", __name__)

_LABELS = {
    "accepted": "method",
    "cache_hits": "method",
    "jobs": "state",
    "reconciled": "kind",
    "sandbox_kills": "reason",
    "attempts": "outcome",
}
_NAMES = {"attempts": "job_attempts", "jobs": "jobs_ended"}
"""Names in the ledger that mean something else, or nothing, among those of other services."""


class LedgerFigures(Collector):
    """The ledger's figures as they are now; several web processes give the same answer."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """Yield every metric."""
        yield _gauge("jobs", "Jobs by state.", "state", self._counts.jobs)
        yield _gauge("chunks", "Chunks of jobs by state.", "state", self._counts.chunks)
        yield _workers(self._counts)
        for name, values in sorted(self._counts.counters.items()):
            yield _counter(_NAMES.get(name, name), _LABELS.get(name, "kind"), values)
        for name, sums in sorted(self._counts.seconds.items()):
            yield _counter(f"job_{name}_seconds", "method", sums)


def _gauge(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(f"onnxplain_{name}", text, labels=[label])
    for value, number in sorted(values.items()):
        family.add_metric([value], number)
    return family


def _counter(name: str, label: str, values: dict[str, Any]) -> Metric:
    text = f"{name.replace('_', ' ').capitalize()} since the ledger began."
    labels = [] if values.keys() == {""} else [label]
    family = CounterMetricFamily(f"onnxplain_{name}", text, labels=labels)
    for value, number in sorted(values.items()):
        family.add_metric([value] if labels else [], number)
    return family


def _workers(counts: Counts) -> Metric:
    slots: dict[str, int] = {}
    for worker in counts.workers:
        slots[worker.queue] = slots.get(worker.queue, 0) + worker.slots
    return _gauge("worker_slots", "Slots of the workers that said lately that they consume.", "queue", slots)


@blueprint.get("/metrics")
@blueprint.output(FileSchema(type="string"), content_type="text/plain", description="Prometheus text format.")
@blueprint.doc(operation_id="metrics")
def metrics() -> Any:
    """Answer the ledger's figures."""
    registry = CollectorRegistry()
    registry.register(LedgerFigures(service().counts()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
