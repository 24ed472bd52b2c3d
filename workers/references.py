"""Data sets that a method's parameters name: found at submission, kept with the job, read for each chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from explainers import datasets
from explainers.errors import InvalidRequest
from explainers.layout import rows_first
from explainers.signature import Request
from explainers.types import Arrays

from .binding import bind
from .blobs import Blobs
from .cutting import rows
from .errors import NotFound
from .ledger import models
from .records import DatasetRecord, ModelRecord

PREFIX = "data"
Named = dict[str, DatasetRecord]
"""By parameter: the data set that it names."""


@dataclass(frozen=True)
class Data:
    """What parameters name, bound to a model's inputs."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id: each input's stored rows."""
    shapes: dict[str, Arrays] = field(default_factory=dict)
    """By id: an array of the shape of each input's rows, which holds nothing."""


def find(session: Session, tenant: str, params: Mapping[str, Any]) -> Named:
    """Return the tenant's data sets that parameters name, or refuse one that it does not have."""
    found = {}
    for name, value in params.items():
        if (key := datasets.id_of(value)) is not None:
            try:
                found[name] = models.dataset_record(models.find_dataset(session, tenant, key))
            except NotFound as e:
                raise InvalidRequest(e.detail, pointer=f"/params/{name}/dataset") from e
    return found


def bound(model: ModelRecord, request: Request, named: Named, blobs: Blobs) -> Data:
    """Return each data set's rows as the inputs that the request explains, or refuse one that does not fit these."""
    data = Data()
    for parameter, record in named.items():
        if parameter in datasets.OF_ITEMS:
            data.entries[record.id] = {parameter: _column(record, parameter)}
            continue
        wanted = _explained(model, request)
        try:
            entries, sample, count = bind(wanted, record, blobs)
        except InvalidRequest as e:
            raise InvalidRequest(e.detail, pointer=f"/params/{parameter}/dataset") from e
        data.entries[record.id] = entries
        data.shapes[record.id] = {n: _shape_of(a, entries[n]["axis"], count) for n, a in sample.items()}
    return data


def known(data: Data, model: ModelRecord, blobs: Blobs) -> datasets.Datasets:
    """Return what is looked at before a job runs: values of items, and the shapes of rows of inputs, rows first."""
    axes = {s.name: s.batch_axis for s in model.description.inputs}
    found: dict[str, Arrays] = dict(rows_first(data.shapes, axes))
    for key, entries in data.entries.items():
        if entries.keys() <= datasets.OF_ITEMS:
            found[key] = {n: rows(blobs, e, 0, e["shape"][0]) for n, e in entries.items()}
    return found


def _column(record: DatasetRecord, parameter: str) -> dict[str, Any]:
    """Return the stored array of a data set that holds one value for each item, or refuse another."""
    a = record.arrays[0]
    if len(record.arrays) != 1 or len(a.shape) > 2 or a.shape[1:] not in ([], [1]):
        there = ", ".join(str(r.shape) for r in record.arrays)
        raise InvalidRequest(
            f"{parameter} are one array or column, a value for each item; the data set has arrays of shape {there}",
            pointer=f"/params/{parameter}/dataset",
        )
    return {"digest": a.digest, "dtype": a.dtype, "shape": list(a.shape), "axis": 0}


def _explained(model: ModelRecord, request: Request) -> ModelRecord:
    asked = request.params.explain_inputs or model.description.explained_inputs
    inputs = [s for s in model.description.inputs if s.name in asked and s.batch_axis is not None]
    return replace(model, description=model.description.model_copy(update={"inputs": inputs}))


def _shape_of(sample: Any, axis: int | None, count: int) -> Any:
    shape = [count if i == axis else d for i, d in enumerate(sample.shape)]
    return np.broadcast_to(np.zeros((), sample.dtype), shape)


def read(data: Mapping[str, Any], inputs: Arrays, blobs: Blobs) -> tuple[Arrays, dict[str, Any]]:
    """Return every stored row of a job's data sets under names that no input has, and which is which for the runner."""
    prefix = PREFIX
    while any(n.startswith(prefix) for n in inputs):
        prefix = f"_{prefix}"
    arrays: Arrays = {}
    places: dict[str, Any] = {}
    for key, entries in data.items():
        for name, entry in entries.items():
            place = f"{prefix}{len(arrays)}"
            arrays[place] = rows(blobs, entry, 0, entry["shape"][entry["axis"] or 0])
            places.setdefault(key, {})[name] = {"array": place, "spec": entry.get("spec")}
    return arrays, places


def digests(data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return what decides the content of a job's data sets: the digests of their rows."""
    return {key: {n: e["digest"] for n, e in entries.items()} for key, entries in data.items()}
