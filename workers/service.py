"""The face of the service: what the web process and the operator's commands call; nothing here loads a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from explainers.types import Arrays

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
from .settings import Settings


class Service:
    """Models, data sets, jobs and results of all tenants; every method raises `ExplainError` for what a caller can mend."""

    @classmethod
    def open(cls, settings: Settings) -> Service:
        """Bring the ledger to the newest schema, and start the publisher's thread; call after the fork."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop the scan runner and the publisher."""
        raise NotImplementedError

    def add_model(
        self,
        tenant: str,
        file: Path,
        externals: dict[str, Path],
        card: dict[str, Any] | None,
        name: str | None = None,
    ) -> tuple[ModelRecord, bool]:
        """Look at an uploaded model in the scan runner and keep it; True: it is new to this tenant."""
        raise NotImplementedError

    def models(self, tenant: str, limit: int = 50, cursor: str | None = None) -> Page[ModelRecord]:
        """List a tenant's models, newest first."""
        raise NotImplementedError

    def model(self, tenant: str, ref: str) -> ModelRecord:
        """Return a model by digest, name (the newest version) or name:version."""
        raise NotImplementedError

    def delete_model(self, tenant: str, ref: str) -> None:
        """Forget a model; refused with Conflict while a job of it has not ended."""
        raise NotImplementedError

    def add_dataset(
        self, tenant: str, file: Path, filename: str, media_type: str
    ) -> tuple[DatasetRecord, bool]:
        """Read an uploaded npy, npz, csv, parquet or zip of images in the scan runner and keep its arrays; True: new."""
        raise NotImplementedError

    def datasets(self, tenant: str, limit: int = 50, cursor: str | None = None) -> Page[DatasetRecord]:
        """List a tenant's data sets, newest first."""
        raise NotImplementedError

    def dataset(self, tenant: str, id: str) -> DatasetRecord:
        """Return a data set by its digest."""
        raise NotImplementedError

    def delete_dataset(self, tenant: str, id: str) -> None:
        """Forget a data set; jobs made from it keep their inputs."""
        raise NotImplementedError

    def read_input_file(self, tenant: str, model: str, input_name: str, file: Path, filename: str) -> Arrays:
        """Read an input file (npy, npz, csv, png, jpg) for one input of a model in the scan runner."""
        raise NotImplementedError

    def submit(
        self, tenant: str, submission: Submission, idempotency_key: str | None = None
    ) -> tuple[JobRecord, bool]:
        """Check a job against the stored description, commit it, and let the publisher wake a worker; False: known key."""
        raise NotImplementedError

    def job(self, tenant: str, id: str) -> JobRecord:
        """Return a job."""
        raise NotImplementedError

    def jobs(
        self,
        tenant: str,
        *,
        state: State | None = None,
        method: str | None = None,
        model: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[JobRecord]:
        """List a tenant's jobs, newest first."""
        raise NotImplementedError

    def cancel(self, tenant: str, id: str) -> JobRecord | None:
        """Cancel a job (it is returned, and stops within seconds); of a finished one remove the results (None)."""
        raise NotImplementedError

    def wait(self, tenant: str, id: str, seconds: float) -> JobRecord:
        """Return a job when it has ended, or as it is after so many seconds."""
        raise NotImplementedError

    def events(self, tenant: str, id: str, after: int = 0) -> list[EventRecord]:
        """Return what happened to a job after the event with that id, oldest first."""
        raise NotImplementedError

    def result(self, tenant: str, id: str) -> ResultRecord:
        """Return the result of a finished job; NotReady before its end, Gone after its removal, the job's error if it failed."""
        raise NotImplementedError

    def picture(self, tenant: str, id: str, item: int) -> bytes:
        """Return the picture of one item as PNG, drawn in the scan runner."""
        raise NotImplementedError

    def manifest(self, tenant: str, id: str) -> dict[str, Any]:
        """Return what is needed to run a finished job again and compare: digests, request, provider, versions."""
        raise NotImplementedError

    def ready(self) -> Readiness:
        """Say whether ledger, broker and a consuming worker answer."""
        raise NotImplementedError

    def counts(self) -> Counts:
        """Return the figures for /metrics."""
        raise NotImplementedError
