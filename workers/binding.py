"""A data set's arrays as the inputs of a model, without reading more of them than a first item."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from explainers import signature
from explainers.errors import InvalidRequest
from explainers.tables import fit_columns, fit_table, has_columns
from explainers.types import Array, Arrays, TensorSpec

from . import arrays as npy
from .blobs import Blobs
from .records import ArrayRecord, DatasetRecord, ModelRecord

Bound = tuple[dict[str, Any], Arrays, int]
POINTER = "/inputs/dataset"


def bind(model: ModelRecord, dataset: DatasetRecord, blobs: Blobs) -> Bound:
    """Return the stored inputs that a data set gives a model, one item of each, and the number of items."""
    wanted = {s.name: s for s in model.description.inputs}
    dataset = _columns_placed(model, dataset, blobs)
    chosen = _chosen(dataset, wanted)
    if dataset.kind == "images":
        return _pictures(dataset, chosen, wanted)
    entries = {name: _entry(dataset, a, wanted[name]) for name, a in chosen.items()}
    sample = {name: _first(blobs, entries[name]) for name in chosen}
    signature.read_inputs(model.description, sample)
    counts = {
        name: a.shape[axis] for name, a in chosen.items() if (axis := wanted[name].batch_axis) is not None
    }
    if len(set(counts.values())) > 1:
        raise InvalidRequest(f"the arrays disagree on the number of items: {counts}", pointer=POINTER)
    return entries, sample, next(iter(counts.values()), 1)


def _columns_placed(model: ModelRecord, dataset: DatasetRecord, blobs: Blobs) -> DatasetRecord:
    """Return a table with its columns where the card has them and its categories as numbers, stored anew where that counts."""
    specs = model.description.inputs
    if dataset.kind != "table" or not specs:
        return dataset
    names, (table,) = dataset.columns, dataset.arrays
    card = model.card.input(specs[0].name)
    words = table.dtype.startswith("<U") and specs[0].dtype != "str"
    moved = bool(names and card.feature_names and names != card.feature_names)
    if not (words or moved or has_columns(names, specs)):
        return dataset
    rows: Array = np.load(blobs.path(table.digest), mmap_mode="r", allow_pickle=False)
    try:
        if has_columns(names, specs):
            parts = fit_columns(names, rows, specs, model.card, dataset.filename)
        else:
            parts = {specs[0].name: fit_table(names, rows, specs[0], card, dataset.filename)}
    except InvalidRequest as e:
        raise InvalidRequest(e.detail, pointer=POINTER) from e
    stored = [_stored(n, a, blobs) for n, a in parts.items()]
    return replace(dataset, kind="arrays", arrays=stored)


def _stored(name: str, a: Array, blobs: Blobs) -> ArrayRecord:
    plain = npy.plain(a)
    digest = blobs.put(lambda file: npy.write(file, plain)).digest
    return ArrayRecord(name, str(plain.dtype), list(plain.shape), digest)


def _chosen(dataset: DatasetRecord, wanted: dict[str, TensorSpec]) -> dict[str, ArrayRecord]:
    if len(dataset.arrays) == 1 and len(wanted) == 1:
        return {next(iter(wanted)): dataset.arrays[0]}
    found = {a.name: a for a in dataset.arrays if a.name in wanted}
    missing = [name for name in wanted if name not in found]
    if missing:
        there = ", ".join(a.name or "(unnamed)" for a in dataset.arrays)
        raise InvalidRequest(
            f"the data set has no array for {', '.join(missing)}; it has: {there}; save an .npz with the inputs' names",
            pointer=POINTER,
        )
    return found


def _entry(dataset: DatasetRecord, a: ArrayRecord, spec: TensorSpec) -> dict[str, Any]:
    dtype = spec.dtype if dataset.kind == "table" and spec.dtype != "str" else a.dtype
    shape = list(a.shape)
    if len(shape) != len(spec.shape or shape):
        raise InvalidRequest(
            f"input {spec.name!r} has {len(spec.shape or [])} axes, the data has {len(shape)}",
            pointer=POINTER,
        )
    return {"digest": a.digest, "dtype": dtype, "shape": shape, "axis": spec.batch_axis}


def _first(blobs: Blobs, entry: dict[str, Any]) -> Array:
    stored: Array = np.load(blobs.path(entry["digest"]), mmap_mode="r", allow_pickle=False)
    axis = entry["axis"]
    part = stored if axis is None else stored[(slice(None),) * axis + (slice(0, 1),)]
    return np.array(part).astype(entry["dtype"])


def _pictures(dataset: DatasetRecord, chosen: dict[str, ArrayRecord], wanted: dict[str, TensorSpec]) -> Bound:
    if len(wanted) != 1:
        raise InvalidRequest("a data set of pictures fits a model with one input", pointer=POINTER)
    name, spec = next(iter(wanted.items()))
    a = chosen[name]
    entry = {
        "digest": a.digest, "dtype": a.dtype, "shape": list(a.shape), "axis": 0, "spec": spec.model_dump(mode="json"),
    }  # fmt: skip
    shape = [d if isinstance(d, int) else 1 for d in (spec.shape or [1])[1:]]
    return {name: entry}, {name: np.zeros((1, *shape), spec.dtype)}, dataset.items
