"""What the service answers about models, data sets, methods and itself, made from the service's records."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from explainers import registry
from explainers.types import Card, ModelDescription, Support, TensorSpec
from workers.records import DatasetRecord, ModelRecord, Readiness


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
    kind: Literal["arrays", "table", "images"]
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
    searches: bool = Field(description="True: a job of it needs no inputs; those that are given are data.")
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
    cage: bool | None = Field(
        description="Whether models run in closed cages with every worker; null: none has said so yet."
    )
    reasons: list[str] = Field(description="What is missing.")
    warnings: list[str] = Field(description="What works and is not as it should be, such as an open cage.")

    @classmethod
    def of(cls, found: Readiness) -> Self:
        """Make the answer from the record."""
        return cls(ready=found.ready, **vars(found))


class HealthAnswer(Answer):
    """The web process answers."""

    status: Literal["ok"] = "ok"
