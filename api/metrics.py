"""/metrics: what the ledger counts, for Prometheus; labels are our own words, never a client's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

from apiflask import APIBlueprint
from apiflask.schemas import FileSchema
from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from workers.accuracy import BOUNDS
from workers.records import Counts

from .context import service

blueprint = APIBlueprint("metrics", __name__)

_COUNTERS = {
    "accepted": ("accepted", "Jobs that were accepted.", ["method"]),
    "cache_hits": ("cache_hits", "Accepted jobs that an earlier result answered.", ["method"]),
    "jobs": ("jobs_ended", "Jobs that ended.", ["state"]),
    "attempts": ("job_attempts", "Attempts at a part of a job, by how they ended.", ["outcome"]),
    "reconciled": ("reconciled", "Parts that were put back or published again.", ["kind"]),
    "sandbox_kills": ("sandbox_kills", "Processes with models that overstepped or died.", ["reason"]),
    "duplicate_deliveries": ("duplicate_deliveries", "Calls for what was claimed already.", []),
    "publish_failures": ("publish_failures", "Calls that did not reach the broker.", []),
    "requeued": ("requeued", "Parts that an operator put back.", []),
    "model_evals": ("model_evals", "Evaluations of models, as results tell them.", []),
}
"""By name in the ledger: the name, which means something among those of other services, the text and the labels."""
_SECONDS = {
    "queue": "Seconds from accept to the first part.",
    "load": "Seconds until a process with the model stood ready.",
    "explain": "Seconds in that process.",
    "store": "Seconds of writing results.",
}


class LedgerFigures(Collector):
    """The ledger's figures as they are now; several web processes give the same answer."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """Yield every metric, those too that nothing moved yet."""
        yield _gauge("jobs", "Jobs by state.", "state", self._counts.jobs)
        yield _gauge("chunks", "Parts of jobs by state.", "state", self._counts.chunks)
        yield _workers(self._counts)
        yield _gpus(self._counts)
        for name, (public, text, labels) in _COUNTERS.items():
            nothing = {} if labels else {"": 0}
            yield _counter(public, text, labels, self._counts.counters.get(name, nothing))
        for name, text in _SECONDS.items():
            values = self._counts.seconds.get(name, {})
            yield _counter(f"job_{name}_seconds", text, ["method", "device"], values)
        yield _errors(self._counts)


def _gauge(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(f"onnxplain_{name}", text, labels=[label])
    for value, number in sorted(values.items()):
        family.add_metric([value], number)
    return family


def _counter(name: str, text: str, labels: list[str], values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"onnxplain_{name}", text, labels=labels)
    for value, number in sorted(values.items()):
        # what an older version counted may lack the last label
        given = [*value.split("/"), *[""] * len(labels)][: len(labels)]
        family.add_metric(given, number)
    return family


def _workers(counts: Counts) -> Metric:
    slots: dict[str, int] = {}
    for worker in counts.workers:
        slots[worker.queue] = slots.get(worker.queue, 0) + worker.slots
    return _gauge("worker_slots", "Slots of the workers that said lately that they consume.", "queue", slots)


def _gpus(counts: Counts) -> Metric:
    text = "Memory of the GPUs of workers that use them; without one there is no sample."
    family = GaugeMetricFamily("onnxplain_gpu_memory_bytes", text, labels=["gpu", "state"])
    # workers of one machine show the same GPUs: the last word counts
    workers = sorted(counts.workers, key=lambda w: w.seen)
    cards = {gpu: memory for worker in workers for gpu, memory in worker.gpus.items()}
    for gpu, memory in sorted(cards.items()):
        for state, size in sorted(memory.items()):
            family.add_metric([gpu, state], size)
    return family


def _errors(counts: Counts) -> Metric:
    text = "Items by the error that their account tells, as a share of the explained score."
    family = HistogramMetricFamily("onnxplain_result_approximation_error", text, labels=["method"])
    for method, found in sorted(counts.errors.items()):
        sums = accumulate(found.get(bound, 0) for bound in BOUNDS)
        family.add_metric([method], [(bound, float(n)) for bound, n in zip(BOUNDS, sums, strict=True)], None)
    return family


@blueprint.get("/metrics")
@blueprint.output(FileSchema(type="string"), content_type="text/plain", description="Prometheus text format.")
@blueprint.doc(operation_id="metrics")
def metrics() -> Any:
    """Answer the ledger's figures."""
    registry = CollectorRegistry()
    registry.register(LedgerFigures(service().counts()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
