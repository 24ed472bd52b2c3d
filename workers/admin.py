"""What an operator can see and mend: stuck and dead jobs, old results, the store against the ledger, the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select

from . import cleaning
from .blobs import open_blobs, sha256
from .errors import Conflict, Gone, NotFound
from .ledger import audit, counters, events, jobs, reconcile, uses, workers
from .ledger.database import Database, clock, exclusive, now
from .settings import Settings
from .tables import OPEN_JOB, BlobUse, Chunk, Job, Model

BATCH = 500


class Admin:
    """The operator's deeds on one ledger; those that change something are in the audit log."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._blobs = open_blobs(settings.blobs, settings.blob_url)

    def stuck(self, age: float) -> list[dict[str, Any]]:
        """Return jobs that have not ended and for so many seconds showed no progress, oldest first."""
        with self._database.read() as session:
            alive = {w.queue for w in workers.alive(session, self._settings.heartbeat_seconds)}
            still = (Job.state.in_(OPEN_JOB), Job.created < now() - age, Job.progressed < now() - age)
            found = session.scalars(select(Job).where(*still).order_by(Job.created))
            return [self._row(j) | {"reason": _why(j, alive)} for j in found]

    def dead(self) -> list[dict[str, Any]]:
        """Return jobs whose attempts ran out, oldest first."""
        with self._database.read() as session:
            spent = select(Job).where(Job.dead, Job.removed.is_(None)).order_by(Job.created)
            return [self._row(j) | {"error": j.error} for j in session.scalars(spent)]

    def _row(self, job: Job) -> dict[str, Any]:
        return {
            "job": job.id, "tenant": job.tenant, "method": job.method, "model": job.model, "state": job.state,
            "items": job.items, "done": job.done_items, "attempt": job.attempt,
        }  # fmt: skip

    def requeue(self, id: str) -> int:
        """Give the failed parts of a dead job all their attempts again; return how many parts."""
        with self._database.write() as session:
            if session.get(Job, id) is None:
                raise NotFound(
                    f"there is no job {id[:64]!r}; `onnxplain admin dead` lists those that can be tried again"
                )
            job = jobs.locked(session, id)
            if not job.dead or job.removed is not None:
                raise Conflict(
                    f"job {id} is not dead but {job.state}; only what failed for good is tried again"
                )
            if session.get(Model, (job.tenant, job.model)) is None:
                # trying would fail the whole job, with what it has
                raise Conflict(
                    f"the model of job {id} was forgotten by its tenant, so that nothing can be tried again"
                )
            failed = list(session.scalars(select(Chunk).where(Chunk.job == id, Chunk.state == "failed")))
            for chunk in failed:
                chunk.state, chunk.attempts, chunk.published, chunk.error = "queued", 0, None, None
                chunk.fence += 1
                job.done_items -= chunk.stop - chunk.start
            job.state, job.dead, job.error, job.finished = "queued", False, None, None
            if job.result is not None:
                # what was joined of it has gaps where its failed parts were
                uses.drop_one(session, "result", id, job.result["digest"])
                job.result = None
            events.state(session, job)
            counters.add(session, "requeued")
            audit.write(session, job.tenant, "admin.requeue", id, parts=len(failed))
            return len(failed)

    def purge(self, age: float, tenant: str | None) -> dict[str, int]:
        """Remove results and inputs of jobs that ended so many seconds ago."""
        count = removed = 0
        while freed := self._purged(age, tenant):
            count += freed[0]
            removed += cleaning.remove(self._database, self._blobs, freed[1])
        return {"jobs": count, "files": removed}

    def _purged(self, age: float, tenant: str | None) -> tuple[int, list[str]] | None:
        with self._database.write() as session:
            exclusive(session, "sweep")
            past = [Job.finished < clock(session) - age, Job.removed.is_(None)]
            past += [] if tenant is None else [Job.tenant == tenant]
            found = list(session.scalars(select(Job).where(*past).limit(BATCH)))
            if not found:
                return None
            freed = [d for job in found for d in reconcile.remove_results(session, job)]
            audit.write(session, tenant or "*", "admin.purge", "jobs", jobs=[j.id for j in found])
            return len(found), freed

    def verify_store(self) -> dict[str, Any]:
        """Return which needed files are missing, which are not what their name says, and how many nobody needs."""
        # in this order: what is removed meanwhile is not missing, nor is what is stored meanwhile
        kept = dict(_kept(self._settings.blobs))
        with self._database.read() as session:
            needed = set(session.scalars(select(BlobUse.digest).distinct()))
        missing = [d for d in sorted(needed - kept.keys()) if not self._there(d)]
        changed = [d for d, path in sorted(kept.items()) if not _same(d, path)]
        return {
            "needed": len(needed), "kept": len(kept), "missing": missing, "changed": changed,
            "unneeded": len(kept.keys() - needed),
        }  # fmt: skip

    def _there(self, digest: str) -> bool:
        try:
            return self._blobs.path(digest).exists()
        except Gone:
            return False

    def verify_audit(self, expected: audit.Head | None = None) -> audit.Head:
        """Walk the audit log's chain and return its head."""
        with self._database.read() as session:
            return audit.verify(session, expected)

    def audit(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the entries of the audit log."""
        with self._database.read() as session:
            for entry in audit.entries(session, after):
                yield audit.as_json(entry)


def _why(job: Job, alive: set[str]) -> str:
    if job.queue not in alive:
        return f"no worker of queue {job.queue} says that it consumes"
    return "it waits for its turn" if job.state == "queued" else "a part of it runs without progress"


def _kept(root: Path) -> Iterator[tuple[str, Path]]:
    for path in root.glob("sha256/??/*"):
        yield path.name, path


def _same(digest: str, path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return sha256(file) == digest
    except FileNotFoundError:
        return True  # removed meanwhile
