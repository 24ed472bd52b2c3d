"""The face of the service: what the web process and the operator's commands call; nothing here loads a model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from explainers.cards import read_card
from explainers.layout import Shapes
from explainers.types import Arrays, Card

from . import broker, cleaning, companions, intake, references, results, sources, submission, texts
from .blobs import open_blobs
from .cost import Cost
from .errors import IdempotencyMismatch, LedgerUnavailable
from .finished import Finished
from .keys import Keys
from .ledger import audit, events, figures, jobs, models, pages, quotas, reconcile, window, workers
from .ledger.accept import accept, remembered
from .ledger.database import Database
from .ledger.schema import upgrade
from .publisher import Publisher
from .readiness import readiness
from .records import (
    Counts,
    DatasetRecord,
    EventRecord,
    JobRecord,
    ModelRecord,
    Page,
    Readiness,
    ResultRecord,
    State,
    Submission,
)
from .scanner import Scanner
from .settings import Settings

SHORTEST_NAP = 0.001
LONGEST_NAP = 0.25


def nap(past: float) -> float:
    """Return for how many seconds whoever has waited that long may look away: a tenth of that more does not matter."""
    return min(max(past * 0.1, SHORTEST_NAP), LONGEST_NAP)


class Service:
    """Models, data sets, jobs and results of all tenants; methods raise `ExplainError` for what a caller can mend."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._database = Database(settings.ledger_url)
        self.keys = Keys(self._database)
        self._blobs = open_blobs(settings.blobs, settings.blob_url)
        self._publisher = Publisher(settings, self._database)
        self._scanner = Scanner(settings)
        self._cleaner = cleaning.Cleaner(self._database, self._blobs)
        self.finished = Finished(self._database, self._blobs, self._scanner)

    @classmethod
    def open(cls, settings: Settings) -> Service:
        """Bring the ledger to the newest schema, and start the publisher's thread; call after the fork."""
        settings.data.mkdir(parents=True, exist_ok=True)
        service = cls(settings)
        upgrade(service._database)
        service._cleaner.start()
        return service

    def close(self) -> None:
        """Stop the scan runner and the publisher."""
        self._cleaner.end()
        self._publisher.close()
        self._scanner.close()
        self._database.close()

    def add_model(
        self,
        tenant: str,
        file: Path,
        externals: dict[str, Path],
        card: dict[str, Any] | None,
        name: str | None = None,
    ) -> tuple[ModelRecord, bool]:
        """Look at an uploaded model in the scan runner and keep it; True: it is new to this tenant."""
        found = intake.model(self._scanner.of(tenant), self._blobs, file, externals, read_card(card), name)

        def keep(session: Session) -> tuple[ModelRecord, bool]:
            model, created = models.keep(session, tenant, found.size, found.card, found.description)
            if name is not None:
                models.name(session, tenant, name, model.id)
            session.flush()
            if created:
                quotas.room(session, self.settings, tenant, 0)
            audit.write(session, tenant, "model.add", model.id, name=name, new=created)
            return models.record(session, model), created

        return self._database.change(keep)

    def models(self, tenant: str, limit: int = 50, cursor: str | None = None) -> Page[ModelRecord]:
        """List a tenant's models, newest first."""
        with self._database.read() as session:
            return models.page(session, tenant, pages.limited(limit), cursor)

    def model(self, tenant: str, ref: str) -> ModelRecord:
        """Return a model by digest, name (the newest version) or name:version."""
        with self._database.read() as session:
            return models.record(session, models.find(session, tenant, ref))

    def set_card(self, tenant: str, ref: str, card: Card) -> ModelRecord:
        """Look at a kept model anew with another card, which replaces the one that it has."""
        known = self.model(tenant, ref)
        with self._blobs.path(known.id).open("rb") as source:
            found = self._scanner.of(tenant).scan(source, card)

        def keep(session: Session) -> ModelRecord:
            model = models.find(session, tenant, known.id)
            models.set_card(model, card, found)
            audit.write(session, tenant, "model.card", model.id)
            return models.record(session, model)

        return self._database.change(keep)

    def delete_model(self, tenant: str, ref: str) -> None:
        """Forget a model; refused with Conflict while a job of it has not ended."""
        with self._database.write() as session:
            quotas.check_freed(session, self.settings, tenant, models.find(session, tenant, ref).id)
            freed = models.forget(session, tenant, ref)
            audit.write(session, tenant, "model.delete", ref[:140])
        self._remove(freed)

    def add_dataset(
        self, tenant: str, file: Path, filename: str, media_type: str = ""
    ) -> tuple[DatasetRecord, bool]:
        """Read an uploaded npy, npz, csv, parquet or zip of pictures in the scan runner, keep its arrays; True: new."""
        found = intake.dataset(
            self._scanner.of(tenant), self._blobs, tenant, file, intake.named(filename, media_type)
        )

        def keep(session: Session) -> tuple[DatasetRecord, bool]:
            row, created = models.keep_dataset(session, found, [a["digest"] for a in found.arrays])
            session.flush()
            if created:
                quotas.room(session, self.settings, tenant, 0)
            audit.write(session, tenant, "dataset.add", row.id, new=created)
            return models.dataset_record(row), created

        return self._database.change(keep)

    def datasets(self, tenant: str, limit: int = 50, cursor: str | None = None) -> Page[DatasetRecord]:
        """List a tenant's data sets, newest first."""
        with self._database.read() as session:
            return models.dataset_page(session, tenant, pages.limited(limit), cursor)

    def dataset(self, tenant: str, id: str) -> DatasetRecord:
        """Return a data set by its digest."""
        with self._database.read() as session:
            return models.dataset_record(models.find_dataset(session, tenant, id))

    def delete_dataset(self, tenant: str, id: str) -> None:
        """Forget a data set; jobs made from it keep their inputs, and with a quota of bytes it is kept as long as they are."""
        with self._database.write() as session:
            quotas.check_freed(session, self.settings, tenant, id)
            freed = models.forget_dataset(session, tenant, id)
            audit.write(session, tenant, "dataset.delete", id)
        self._remove(freed)

    def read_input_file(self, tenant: str, model: str, input_name: str, file: Path, filename: str) -> Arrays:
        """Read an input file (npy, npz, csv, txt, png, jpg) for one input of a model in the scan runner."""
        return self._scanner.of(tenant).input(self.model(tenant, model), input_name, file, filename)

    def estimate(self, tenant: str, asked: Submission, shapes: Shapes, items: int) -> Cost:
        """Check a request that has no inputs yet, and say what it would cost; refused as the job would be."""
        with self._database.read() as session:
            model = models.record(session, models.find(session, tenant, asked.model))
            named = references.find(session, tenant, asked.params)
        return submission.estimate(model, asked, shapes, items, self._blobs, self.settings, named)

    def submit(
        self, tenant: str, asked: Submission, idempotency_key: str | None = None
    ) -> tuple[JobRecord, bool]:
        """Check a job against the stored description, commit it, and let the publisher wake a worker; False: known key."""
        request = submission.fingerprint(asked) if idempotency_key else ""
        with self._database.read() as session:
            known = self._known(session, tenant, idempotency_key, request)
            if known is not None:
                return known, False
            model = models.record(session, models.find(session, tenant, asked.model))
            source = sources.find(session, tenant, asked)
            named = references.find(session, tenant, asked.params)
            asked = companions.resolved(session, tenant, asked)
        asked, source = texts.as_tokens(model, asked, source, self._scanner.of(tenant), self._blobs)
        job = submission.prepare(model, asked, source, self._blobs, self.settings, named)
        tickets: list[window.Ticket] = []

        def commit(session: Session) -> tuple[JobRecord, bool]:
            known = self._known(session, tenant, idempotency_key, request)
            if known is not None:
                return known, False
            cache = self.settings.result_cache
            accept(session, job, idempotency_key, request, cache=cache, quotas_of=self.settings)
            tickets[:] = window.draw(session, self.settings, job.queue)
            audit.write(session, tenant, "job.submit", job.id, model=job.model, method=job.method)
            return jobs.record(job), True

        answer = self._database.change(commit)
        self._publisher.publish(tickets)
        return answer

    def _known(self, session: Session, tenant: str, key: str | None, request: str) -> JobRecord | None:
        seen = remembered(session, tenant, key) if key else None
        if seen is None:
            return None
        if seen.request != request:
            raise IdempotencyMismatch("this Idempotency-Key was used with another request; take a new key")
        return jobs.record(jobs.find(session, tenant, seen.job))

    def job(self, tenant: str, id: str) -> JobRecord:
        """Return a job."""
        with self._database.read() as session:
            return jobs.record(jobs.find(session, tenant, id))

    def jobs(
        self, tenant: str, *, state: State | None = None, method: str | None = None, model: str | None = None,
        limit: int = 50, cursor: str | None = None,
    ) -> Page[JobRecord]:  # fmt: skip
        """List a tenant's jobs, newest first."""
        with self._database.read() as session:
            digest = models.find(session, tenant, model).id if model is not None else None
            where = {"state": state, "method": method, "model": digest}
            return jobs.page(session, tenant, where, pages.limited(limit), cursor)

    def cancel(self, tenant: str, id: str) -> JobRecord | None:
        """Cancel a job (it is returned, and stops within seconds); of a finished one remove the results (None)."""
        with self._database.write() as session:
            jobs.find(session, tenant, id)
            job = jobs.locked(session, id)
            record = jobs.record(job)
            freed: list[str] = []
            if record.final:
                freed = reconcile.remove_results(session, job)
            else:
                jobs.cancel(session, job)
                record = jobs.record(job)
            audit.write(session, tenant, "job.remove" if freed or job.removed else "job.cancel", id)
        self._remove(freed)
        return None if freed or job.removed is not None else record

    def wait(self, tenant: str, id: str, seconds: float) -> JobRecord:
        """Return a job when it has ended, or as it is after so many seconds."""
        began = time.monotonic()
        while not self._ended(tenant, id):
            past = time.monotonic() - began
            if past >= seconds:
                break
            time.sleep(min(nap(past), seconds - past))
        return self.job(tenant, id)

    def _ended(self, tenant: str, id: str) -> bool:
        with self._database.read() as session:
            return jobs.ended(session, tenant, id)

    def events(self, tenant: str, id: str, after: int = 0) -> list[EventRecord]:
        """Return what happened to a job after the event with that id, oldest first."""
        with self._database.read() as session:
            return events.after(session, jobs.find(session, tenant, id).id, after)

    def result(self, tenant: str, id: str) -> ResultRecord:
        """Return a finished job's result; NotReady before its end, Gone after its removal, the job's error if it failed."""
        return results.result(self._database, self._blobs, tenant, id)

    def ready(self) -> Readiness:
        """Say whether ledger, broker and a consuming worker answer, and whether models are kept in."""
        try:
            with self._database.read() as session:
                consuming, ledger = workers.alive(session, self.settings.heartbeat_seconds), True
        except LedgerUnavailable:
            consuming, ledger = [], False
        answers = broker.ping(self.settings.redis_url) if self.settings.redis_url else False
        return readiness(self.settings, consuming, ledger=ledger, broker=answers)

    def counts(self) -> Counts:
        """Return the figures for /metrics."""
        with self._database.read() as session:
            return figures.read(session, self.settings.heartbeat_seconds)

    def _remove(self, digests: list[str]) -> None:
        cleaning.remove(self._database, self._blobs, digests)
