"""Results of finished jobs: chunks joined once, in a stream, and read back by parts."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from explainers.errors import from_json
from explainers.types import Account

from . import arrays as npy
from . import references
from .blobs import Blobs
from .errors import Conflict, Gone, NotReady
from .ledger import jobs, uses
from .ledger.database import Database
from .records import ArrayRecord, ItemFailure, ResultRecord
from .tables import OPEN_JOB, Chunk, Job

RETRY_SECONDS = 1


@dataclass(frozen=True)
class Piece:
    """A chunk that ended, as far as the result needs it."""

    start: int
    stop: int
    digest: str | None
    error: dict[str, Any] | None


def check_ended(job: Job) -> None:
    """Refuse to give a result that is not there: not yet, not any more, or not ever."""
    if job.state in OPEN_JOB:
        raise NotReady(f"the job is {job.state}; ask again later", retry_after=RETRY_SECONDS)
    if job.removed is not None:
        raise Gone("the results of this job were removed; submit it again")
    if job.state == "cancelled" and job.result is None:
        raise Conflict("the job was cancelled and has no result; submit it again")
    if job.state == "failed":
        raise from_json(job.error or {"code": "explain-error", "detail": "the job failed"})


def pieces(session: Session, job: str) -> list[Piece]:
    """Return the chunks whose ends make up a job's result, in the order of the items."""
    ended = (Chunk.job == job, Chunk.state.in_(("succeeded", "failed")))
    found = session.scalars(select(Chunk).where(*ended).order_by(Chunk.start))
    return [Piece(c.start, c.stop, c.result, c.error) for c in found]


def failures(found: list[Piece]) -> list[ItemFailure]:
    """Return why which items failed."""
    return [
        ItemFailure(item, str(p.error["code"]), str(p.error["detail"]))
        for p in found
        if p.error
        for item in range(p.start, p.stop)
    ]


def result(database: Database, blobs: Blobs, tenant: str, id: str) -> ResultRecord:
    """Return the result of a finished job, joined when it is first asked for."""
    with database.read() as session:
        job = jobs.find(session, tenant, id)
        check_ended(job)
        found, merged, record = pieces(session, id), job.result, jobs.record(job)
    if merged is None:
        merged = _merge(database, blobs, record.id, tenant, found)
    path = blobs.path(merged["digest"])
    listed = [
        ArrayRecord(name, str(h.dtype), list(h.shape), merged["digest"])
        for name, h in npy.npz_headers(path).items()
    ]
    account = _clean(npy.read_meta(path))
    return ResultRecord(record, account, listed, failures(found), merged["digest"], path.stat().st_size, path)


def _merge(database: Database, blobs: Blobs, job: str, tenant: str, found: list[Piece]) -> dict[str, Any]:
    if len(found) == 1 and found[0].digest:
        merged = {"digest": found[0].digest}
    else:
        parts = [npy.Part(blobs.path(p.digest) if p.digest else None, p.stop - p.start) for p in found]
        meta = json.dumps(_account(parts))
        merged = {"digest": blobs.put(lambda file: npy.join_npz(file, parts, meta)).digest}
    with database.write() as session:
        row = jobs.locked(session, job)
        # it may have been removed, or tried again, while it was joined
        check_ended(row)
        if pieces(session, job) != found:
            raise NotReady("the job has other results now; ask again", retry_after=RETRY_SECONDS)
        row.result = merged
        uses.add(session, tenant, "result", job, merged["digest"])
    return merged


def _account(parts: list[npy.Part]) -> dict[str, Any]:
    known = [Account.model_validate(npy.read_meta(p.path)) if p.path else None for p in parts]
    first = next(a for a in known if a is not None)
    whole = [a or _gap(first, p.items) for a, p in zip(known, parts, strict=True)]
    return Account.merge(whole).model_copy(update={"params": first.params}).model_dump()


def _gap(like: Account, items: int) -> Account:
    """Return the account of items that have no explanation."""
    unknown = [math.nan] * items
    return like.model_copy(
        update={
            "items": items,
            "score": unknown if like.score else [],
            "index": [-1] * items if like.index else [],
            "attribution_sum": unknown if like.attribution_sum else [],
            "per_item": dict.fromkeys(like.per_item, unknown),
            "model_evaluations": 0,
            "seconds": 0.0,
            "warnings": [f"{items} item{'s' * (items > 1)} failed and hold NaN"],
        }
    )


def _clean(value: Any) -> Any:
    """Return JSON without NaN and infinities, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_clean(v) for v in value]
    return {k: _clean(v) for k, v in value.items()} if isinstance(value, dict) else value


def manifest(found: ResultRecord, job: Job, version: str) -> dict[str, Any]:
    """Return what is needed to run a job again and compare."""
    inputs = {n: {k: e[k] for k in ("digest", "dtype", "shape")} for n, e in job.inputs.items()}
    target = {k: v for k, v in job.target.items() if k != "per_item_weights"}
    return {
        "onnxplain": version, "job": job.id, "model": {"sha256": job.model, "card": job.card}, "inputs": inputs,
        "dataset": job.dataset, "data": references.digests(job.data or {}), "items": job.items, "method": job.method,
        "params": job.params, "target": target,
        "seed": job.seed, "provider": found.account["provider"], "versions": found.account["versions"],
        "result": {"sha256": found.digest, "bytes": found.size},
        "arrays": {a.name: {"dtype": a.dtype, "shape": a.shape} for a in found.arrays},
        "failed_items": [f.item for f in found.failures], "created": found.job.created.isoformat(),
        "finished": found.job.finished.isoformat() if found.job.finished else None,
    }  # fmt: skip
