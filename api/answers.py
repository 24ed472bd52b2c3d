"""What the service answers: one model per noun, made from the service's records."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from explainers import registry
from explainers.types import Card, ModelDescription, Support, TensorSpec
from workers.records import (
    DatasetRecord,
    ItemFailure,
    JobRecord,
    ModelRecord,
    Priority,
    Readiness,
    ResultRecord,
    State,
)


class Answer(BaseModel):
    """A body that the service writes."""

    model_config = ConfigDict(extra="forbid")


class Fault(Answer):
    """One thing wrong with a request, and where."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the request's body.")
    detail: str


class Problem(Answer):
    """A refusal (RFC 9457); some kinds carry further members, for example `nodes` and `methods`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str = Field(description="The thing, the reason and the way out.")
    instance: str = Field(description="The request's id, which the service's log also has.")
    code: str
    errors: list[Fault] = Field([], description="What the client can mend.")


class ModelSummary(Answer):
    """A model in a list."""

    id: str = Field(description="SHA-256 of the model's bytes.")
    names: list[str] = Field(description="Every name:version that means this model.")
    size: int = Field(description="Bytes, with external data.")
    created: datetime
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    opset: dict[str, int]
    families: dict[str, Support] = Field(description="Which families of methods can explain it, and why not.")
    links: dict[str, str]

    @classmethod
    def of(cls, record: ModelRecord) -> Self:
        """Make the answer from the record."""
        known = cls.model_fields.keys() & ModelDescription.model_fields.keys()
        return cls.model_validate(
            {
                **{name: getattr(record.description, name) for name in known},
                **{name: getattr(record, name) for name in cls.model_fields if hasattr(record, name)},
                "links": {"self": f"/v1/models/{record.id}", "jobs": f"/v1/jobs?model={record.id}"},
            }
        )


class ModelAnswer(ModelSummary):
    """A model, and all that can be said of it without running it."""

    card: Card
    nodes: int
    parameters: int
    operators: dict[str, int]
    tensors: dict[str, TensorSpec] = Field(description="Inner tensors that a target may name.")
    explained_inputs: list[str]
    batch: Literal["free", "freed", "one-by-one"]
    warnings: list[str]


class ModelList(Answer):
    """A page of models, newest first."""

    models: list[ModelSummary]
    next: str | None = Field(None, description="Address of the next page.")


class ArrayAnswer(Answer):
    """Name, dtype and shape of an array."""

    name: str
    dtype: str
    shape: list[int]


class DatasetAnswer(Answer):
    """An uploaded data set."""

    id: str = Field(description="SHA-256 of the uploaded bytes.")
    items: int
    kind: Literal["arrays", "images"]
    arrays: list[ArrayAnswer]
    columns: list[str]
    created: datetime

    @classmethod
    def of(cls, record: DatasetRecord) -> Self:
        """Make the answer from the record."""
        arrays = [ArrayAnswer(name=a.name, dtype=a.dtype, shape=a.shape) for a in record.arrays]
        return cls(
            id=record.id,
            items=record.items,
            kind=record.kind,
            arrays=arrays,
            columns=record.columns,
            created=record.created,
        )


class DatasetList(Answer):
    """A page of data sets, newest first."""

    datasets: list[DatasetAnswer]
    next: str | None = Field(None, description="Address of the next page.")


class ProgressAnswer(Answer):
    """How far a job is."""

    done: int
    total: int
    unit: str


class JobAnswer(Answer):
    """A job, its state and where the rest is."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

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
    links: dict[str, str]

    @classmethod
    def fields_of(cls, job: JobRecord) -> dict[str, Any]:
        """Return a job's fields, with its links."""
        here = f"/v1/jobs/{job.id}"
        links = {"self": here, "events": f"{here}/events", "model": f"/v1/models/{job.model}"}
        if job.state in ("succeeded", "partially_succeeded"):
            links |= {name: f"{here}/{end}" for name, end in _RESULT_LINKS.items()}
        known = {name: getattr(job, name) for name in JobAnswer.model_fields if name != "links"}
        return {**known, "progress": vars(job.progress), "links": links}

    @classmethod
    def of(cls, job: JobRecord) -> Self:
        """Make the answer from the record."""
        return cls.model_validate(cls.fields_of(job))


_RESULT_LINKS = {"result": "result", "npz": "result.npz", "manifest": "manifest", "picture": "items/{i}.png"}


class JobList(Answer):
    """A page of jobs, newest first."""

    jobs: list[JobAnswer]
    next: str | None = Field(None, description="Address of the next page.")


class FailureAnswer(Answer):
    """Why one item has no explanation."""

    item: int
    code: str
    detail: str

    @classmethod
    def of(cls, failure: ItemFailure) -> Self:
        """Make the answer from the record."""
        return cls(**vars(failure))


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


class MethodAnswer(Answer):
    """A method of explanation."""

    model_config = ConfigDict(extra="allow")

    name: str
    summary: str
    paper: str
    family: registry.Family
    needs: Literal["grad", "run"] = Field(
        description="What a model must allow: derivatives, or only evaluation."
    )
    compiled: bool = Field(description="True: it can be had as an ONNX graph.")
    params: dict[str, Any] = Field(description="JSON Schema of the parameters.")


class MethodList(Answer):
    """The catalogue of methods."""

    methods: dict[str, MethodAnswer]


class ReadyAnswer(Answer):
    """Whether accepted jobs will be run."""

    ready: bool
    ledger: bool
    broker: bool
    worker: bool
    reasons: list[str] = Field(description="What is missing.")

    @classmethod
    def of(cls, found: Readiness) -> Self:
        """Make the answer from the record."""
        return cls(ready=found.ready, **vars(found))


class HealthAnswer(Answer):
    """The web process answers."""

    status: Literal["ok"] = "ok"


class ManifestAnswer(Answer):
    """What is needed to run a job again and compare: digests, request, seed, provider, versions."""

    model_config = ConfigDict(extra="allow")
