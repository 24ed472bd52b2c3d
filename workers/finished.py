"""What finished jobs show: their items with inputs and results, pictures, the manifest, the explanation as a graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import explainers
from explainers import registry
from explainers.types import Arrays

from . import arrays as npy
from . import results
from .blobs import Blobs
from .cutting import rows
from .errors import Gone, NotFound, TooLarge
from .ledger import jobs
from .ledger.database import Database
from .pictures import Pictures
from .records import ItemFailure, ResultRecord
from .scanner import Scanner
from .tables import Job, Model

MOST_VALUES = 1_000_000
"""Numbers that one answer about items may hold."""


@dataclass(frozen=True)
class ItemRecord:
    """One item of a finished job: what went in and what came out, each without other items."""

    item: int
    inputs: Arrays
    arrays: Arrays
    failure: ItemFailure | None

    @property
    def values(self) -> int:
        """How many numbers it holds."""
        return sum(a.size for a in (*self.inputs.values(), *self.arrays.values()))


@dataclass(frozen=True)
class ItemsRecord:
    """Some items of a finished job, and what belongs to all of them."""

    result: ResultRecord
    card: dict[str, Any]
    pictures: list[str]
    """Inputs that are pictures as they were uploaded: pixels 0..255 as (height, width, 3)."""
    items: list[ItemRecord]
    shared: Arrays
    """Arrays that have no item axis: curves, importances."""
    following: int | None
    """The first item that did not fit in, if any is left."""


class Finished:
    """Reads the results of finished jobs; methods raise `ExplainError` where there is none."""

    def __init__(self, database: Database, blobs: Blobs, scanner: Scanner) -> None:
        self._database = database
        self._blobs = blobs
        self._scanner = scanner

    def items(self, tenant: str, id: str, start: int, limit: int) -> ItemsRecord:
        """Return items from `start`, as many as one answer may hold; TooLarge where not even one fits."""
        found, job = self._found(tenant, id)
        if not 0 <= start < job.items:
            raise NotFound(
                f"the job has {job.items} items, numbered from 0; there is no item {start}", pointer="/start"
            )
        common = _common(found, job)
        shared = npy.read_rows(found.npz, 0, 1 << 60, common)
        taken, room = [], MOST_VALUES - sum(a.size for a in shared.values())
        for item in range(start, min(job.items, start + limit)):
            record = self._item(found, job, item, common)
            room -= record.values
            if room < 0:
                break
            taken.append(record)
        if not taken:
            raise TooLarge(
                f"item {start} has more than {MOST_VALUES} numbers with its inputs; take the .npz file of the job",
                pointer="/limit",
            )
        end = taken[-1].item + 1
        pictures = [name for name, entry in job.inputs.items() if entry.get("spec")]
        return ItemsRecord(found, job.card, pictures, taken, shared, end if end < job.items else None)

    def _item(self, found: ResultRecord, job: Job, item: int, common: set[str]) -> ItemRecord:
        given = {name: rows(self._blobs, entry, item, item + 1) for name, entry in job.inputs.items()}
        failure = next((f for f in found.failures if f.item == item), None)
        own = {a.name for a in found.arrays} - common
        read = {} if failure else npy.read_rows(found.npz, item, item + 1, own)
        inputs = {
            n: a if (axis := job.inputs[n]["axis"]) is None else a.squeeze(axis) for n, a in given.items()
        }
        return ItemRecord(item, inputs, {n: a[0] for n, a in read.items()}, failure)

    def picture(
        self, tenant: str, id: str, item: int | None, view: str | None = None, of: str | None = None,
        format: str = "png",
    ) -> bytes:  # fmt: skip
        """Return a picture of one item, or of all where it is None, as PNG or HTML; `view` and `of` name one of several."""
        return self._pictures(tenant, id).draw(item, view, of, format)

    def views(self, tenant: str, id: str) -> dict[str, list[str]]:
        """Return the names of the pictures that there are: of items, of all items, as HTML; the usual one first."""
        return self._pictures(tenant, id).views()

    def _pictures(self, tenant: str, id: str) -> Pictures:
        found, job = self._found(tenant, id)
        return Pictures(job, found, self._blobs, self._scanner.of(tenant))

    def manifest(self, tenant: str, id: str) -> dict[str, Any]:
        """Return what is needed to run a finished job again and compare: digests, request, provider, versions."""
        found, job = self._found(tenant, id)
        return results.manifest(found, job, explainers.__version__)

    def graph(self, tenant: str, id: str, out: IO[bytes]) -> None:
        """Write the explanation of a job as an ONNX graph, compiled in the scan runner; InvalidRequest where it has none."""
        with self._database.read() as session:
            job = jobs.find(session, tenant, id)
            # others may have a model of the same bytes, which is nobody's business here
            if session.get(Model, (tenant, job.model)) is None:
                raise Gone("the model of this job is no longer kept; upload it again")
        with self._model(job).open("rb") as source:
            self._scanner.of(tenant).graph(source, _request(job), out)

    def _model(self, job: Job) -> Path:
        return self._blobs.path(job.model)

    def _found(self, tenant: str, id: str) -> tuple[ResultRecord, Job]:
        found = results.result(self._database, self._blobs, tenant, id)
        with self._database.read() as session:
            return found, jobs.find(session, tenant, id)


def _request(job: Job) -> dict[str, Any]:
    # items are the caller's when a graph is used: a class for each of the job's has no meaning in it
    target = {k: v for k, v in job.target.items() if k in ("output", "logits")}
    return {"card": job.card, "method": job.method, "params": job.params, "target": target}


def _common(found: ResultRecord, job: Job) -> set[str]:
    """Return the names of the arrays whose first axis is not that of the items."""
    per_item = registry.find(job.method).per_item
    return {
        a.name
        for a in found.arrays
        if a.shape[:1] != [job.items]
        or not (per_item or a.name.startswith(("attribution.", "output.", "ice.")))
    }
