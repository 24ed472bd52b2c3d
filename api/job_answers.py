"""What the service answers about jobs and their results."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import ConfigDict, Field

from explainers import registry
from workers.records import JobRecord, Priority, ResultRecord, State

from .answers import Answer, ArrayAnswer
from .context import service


class ProgressAnswer(Answer):
    """How far a job is."""

    done: int
    total: int
    unit: str


class JobAnswer(Answer):
    """A job, its state and where the rest is."""

    id: str
    state: State
    model: str
    method: str
    params: dict[str, Any]
    target: dict[str, Any]
    seed: int
    priority: Priority
    provider: str
    dataset: str | None
    items: int
    progress: ProgressAnswer
    attempt: int = Field(description="The greatest number of attempts that a part of it has taken.")
    error: dict[str, Any] | None = Field(
        description="Why it failed, in full or in part: code, title, detail."
    )
    dead_letter: bool = Field(description="True: the attempts ran out.")
    cached: bool = Field(description="True: the result is that of an earlier job with the same content.")
    created: datetime
    started: datetime | None
    finished: datetime | None
    kept_until: datetime | None = Field(
        description="Until when results and inputs are kept; null before the end, and where they were removed."
    )
    removed: datetime | None = Field(
        description="When results and inputs were removed, by request or by age; null: they were not."
    )
    links: dict[str, str]

    @classmethod
    def fields_of(cls, job: JobRecord) -> dict[str, Any]:
        """Return a job's fields, with its links."""
        here = f"/v1/jobs/{job.id}"
        links = {"self": here, "events": f"{here}/events", "model": f"/v1/models/{job.model}"}
        if job.removed is None and (job.state in ("succeeded", "partially_succeeded") or job.kept):
            links |= {name: f"{here}/{end}" for name, end in _RESULT_LINKS.items()}
        if not _has_items(job.method):
            links.pop("picture", None)
        known = {
            name: getattr(job, name) for name in JobAnswer.model_fields if name not in ("links", "kept_until")
        }
        return {**known, "progress": vars(job.progress), "kept_until": _kept_until(job), "links": links}

    @classmethod
    def of(cls, job: JobRecord) -> Self:
        """Make the answer from the record."""
        return cls.model_validate(cls.fields_of(job))


def _has_items(method: str) -> bool:
    """Say whether single items can be drawn: what is asked about a data set as a whole has none."""
    known = registry.methods().get(method)
    return known is None or known.per_item or known.family != "sampling"


def _kept_until(job: JobRecord) -> datetime | None:
    if job.finished is None or job.removed is not None:
        return None
    return job.finished + timedelta(days=service().settings.result_days)


_RESULT_LINKS = {
    "result": "result", "npz": "result.npz", "manifest": "manifest", "picture": "items/{i}.png", "pictures": "pictures",
    "overview": "picture.png",
}  # fmt: skip


class JobList(Answer):
    """A page of jobs, newest first."""

    jobs: list[JobAnswer]
    next: str | None = Field(None, description="Address of the next page.")


class FailureAnswer(Answer):
    """Why one item has no explanation."""

    item: int
    code: str
    detail: str


class ResultAnswer(JobAnswer):
    """A finished job with its account; the arrays themselves are in the .npz file."""

    account: dict[str, Any] = Field(
        description="What was explained, how, at what cost, and what remains unexplained."
    )
    arrays: list[ArrayAnswer] = Field(description="What is in the .npz file, next to `meta`.")
    failures: list[FailureAnswer] = Field(description="The items without an explanation.")
    digest: str = Field(description="SHA-256 of the .npz file.")
    size: int = Field(description="Bytes of the .npz file.")

    @classmethod
    def of_result(cls, record: ResultRecord) -> Self:
        """Make the answer from the record."""
        arrays = [{"name": a.name, "dtype": a.dtype, "shape": a.shape} for a in record.arrays]
        return cls.model_validate(
            {
                **cls.fields_of(record.job),
                "account": record.account,
                "arrays": arrays,
                "failures": [vars(f) for f in record.failures],
                "digest": record.digest,
                "size": record.size,
            }
        )


class ManifestAnswer(Answer):
    """What is needed to run a job again and compare: digests, request, seed, provider, versions."""

    model_config = ConfigDict(extra="allow")
