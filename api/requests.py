"""What clients send: one model per noun; a job's parameters come from the registry of methods."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from explainers import registry
from explainers.tensors import DATATYPES
from explainers.types import Target
from workers.records import Priority, State


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Tensor(Body):
    """A tensor of the Open Inference Protocol (v2)."""

    name: str = Field(description="Name of the model's input.")
    shape: list[Annotated[int, Field(ge=0)]] = Field(
        description="Items first, where the model has a batch axis."
    )
    datatype: str = Field(json_schema_extra={"enum": [*DATATYPES]})
    data: list[Any] = Field(description="The values, flat in row order or nested by rows.")
    parameters: dict[str, Any] = Field(
        {}, description="Taken from clients of the protocol that send them; not used."
    )


_Chosen = Annotated[
    list[Annotated[int, Field(ge=0, strict=True)]] | None,
    Field(min_length=1, max_length=1000, description="Only these items, counted from 0; by default all."),
]


class DatasetInputs(Body):
    """Inputs that were uploaded before, as a data set."""

    dataset: str = Field(description="Id that POST /v1/datasets answered.")
    items: _Chosen = None


class JobInputs(Body):
    """The inputs of an earlier job, for another method or model, or to try again."""

    job: str = Field(description="Id of the job.")
    items: _Chosen = None


class Question(Body):
    """Of which model what is asked."""

    model: str = Field(
        description="Digest, name (the newest version of it) or name:version of an uploaded model."
    )
    target: Target | Annotated[int, Field(strict=True)] | Literal["argmax"] | None = Field(
        None, description="What is explained; an int or 'argmax' stands for {'index': ...}."
    )

    def target_fields(self) -> dict[str, Any] | None:
        """Return the target as the engine's own fields."""
        target: object = self.target
        if target is None or isinstance(target, Target):
            return None if target is None else self.target.model_dump(mode="json", exclude_unset=True)  # type: ignore[union-attr]
        return {"index": target}


class EstimateRequest(Question):
    """A job without its inputs."""

    method: str = Field(max_length=200, description="Name of a method.")
    params: dict[str, Any] = Field({}, description="The method's parameters.")
    items: int = Field(1, ge=1, le=2**31, description="How many items there will be.")
    shapes: dict[str, list[Annotated[int, Field(ge=1, le=2**31)]]] = Field(
        {},
        max_length=100,
        description="By input: the shape of one item, where the model leaves lengths open.",
    )


class JobFields(Question):
    """What every job says, whatever its method."""

    seed: int = Field(0, ge=0, lt=2**63, strict=True, description="Makes a sampling method repeatable.")
    priority: Priority = Field("batch", description="Interactive jobs are run before batch jobs.")
    inputs: list[Tensor] | DatasetInputs | JobInputs | None = Field(
        None,
        description="The inputs; in a multipart request they may come as files instead, one part per input.",
    )


@cache
def job_request() -> type[RootModel[Any]]:
    """Return the body of POST /v1/jobs: a union over all methods, told apart by `method`; built after autoload."""
    members = tuple(_member(m) for m in registry.methods().values())
    union: Any = members[0]
    for member in members[1:]:
        union |= member
    base: Any = RootModel
    body: Any = Annotated[union, Field(discriminator="method")] if len(members) > 1 else union
    return cast("type[RootModel[Any]]", create_model("JobRequest", __base__=base[body]))


def _member(kind: registry.Method) -> type[JobFields]:
    name: Any = Literal[kind.name]
    return create_model(
        f"Job_{kind.name}",
        __base__=JobFields,
        __doc__=kind.summary,
        method=(name, Field(description=kind.summary)),
        params=(kind.params, Field(default_factory=kind.params)),
    )


class PageQuery(Body):
    """Which page of a list is asked for."""

    limit: int = Field(50, ge=1, le=200, description="How many, at most.")
    cursor: str | None = Field(
        None, max_length=1000, description="Taken from the `Link: rel=next` of the page before."
    )


class ItemsQuery(Body):
    """Which items of a job are asked for."""

    start: int = Field(0, ge=0, le=2**31, description="The first one, counted from 0.")
    limit: int = Field(20, ge=1, le=200, description="How many, at most.")


class ReportQuery(Body):
    """Which items a report shows."""

    start: int = Field(0, ge=0, le=2**31, description="The first one, counted from 0.")
    limit: int = Field(8, ge=1, le=24, description="How many, at most.")


class JobsQuery(PageQuery):
    """Which jobs are asked for."""

    state: State | None = Field(None, description="Only jobs in this state.")
    method: str | None = Field(None, max_length=200, description="Only jobs of this method.")
    model: str | None = Field(
        None, max_length=300, description="Only jobs of this model: digest, name or name:version."
    )


class ModelQuery(Body):
    """How an uploaded model is called."""

    name: str | None = Field(
        None,
        max_length=200,
        description="A name for the model; another model uploaded under it is a new version.",
    )
