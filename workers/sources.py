"""Inputs that are here already: those of a data set or of an earlier job, all of them or chosen ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from explainers.errors import InvalidRequest
from explainers.types import Array

from . import arrays as npy
from .binding import Bound
from .blobs import Blobs
from .errors import Gone
from .ledger import jobs, models
from .ledger.times import moment
from .records import ArrayRecord, DatasetRecord, Submission
from .tables import Job

POINTER = "/inputs/items"


def find(session: Session, tenant: str, asked: Submission) -> DatasetRecord | None:
    """Return the data set that a submission names, or the inputs of the job that it names as if they were one."""
    if asked.dataset is not None:
        return models.dataset_record(models.find_dataset(session, tenant, asked.dataset))
    return None if asked.job is None else _of_job(jobs.find(session, tenant, asked.job))


def _of_job(job: Job) -> DatasetRecord:
    if job.removed is not None:
        raise Gone(
            "the inputs of this job were removed with its results; send them again", pointer="/inputs/job"
        )
    pictures = any(entry.get("spec") for entry in job.inputs.values())
    return DatasetRecord(
        id=job.id, tenant=job.tenant, filename="", kind="images" if pictures else "arrays", items=job.items,
        arrays=[ArrayRecord(n, e["dtype"], e["shape"], e["digest"]) for n, e in job.inputs.items()],
        columns=[], created=moment(job.created),
    )  # fmt: skip


def choose(bound: Bound, chosen: list[int] | None, blobs: Blobs) -> Bound:
    """Return the chosen items alone, stored as arrays of their own."""
    entries, sample, items = bound
    if chosen is None:
        return bound
    outside = [i for i in chosen if not 0 <= i < items]
    if outside:
        raise InvalidRequest(
            f"there is no item {outside[0]}; there are {items}, counted from 0", pointer=POINTER
        )
    return {n: _taken(e, chosen, blobs) for n, e in entries.items()}, sample, len(chosen)


def _taken(entry: dict[str, Any], chosen: list[int], blobs: Blobs) -> dict[str, Any]:
    axis = entry["axis"]
    if axis is None:
        return entry
    stored: Array = np.load(blobs.path(entry["digest"]), mmap_mode="r", allow_pickle=False)
    taken = np.take(stored, chosen, axis=axis)
    digest = blobs.put(lambda file: npy.write(file, taken)).digest
    return {**entry, "digest": digest, "shape": list(taken.shape)}
