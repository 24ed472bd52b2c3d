"""The tables of the ledger; every row of a tenant names it, every time is in seconds since 1970 by the ledger's clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Float, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

OPEN_CHUNK = ("queued", "running")
OPEN_JOB = ("queued", "running")
_Serial = BigInteger().with_variant(Integer, "sqlite")


class Table(DeclarativeBase):
    """What all tables share: how Python types are stored."""

    type_annotation_map = {
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
        float: Float,
    }


class Model(Table):
    """A model of a tenant."""

    __tablename__ = "models"
    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    card: Mapped[dict[str, Any]]
    description: Mapped[dict[str, Any]]
    created: Mapped[float]


class ModelName(Table):
    """A version of a name, and the model it means."""

    __tablename__ = "model_names"
    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(String(64), index=True)


class Dataset(Table):
    """An uploaded data set of a tenant."""

    __tablename__ = "datasets"
    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    filename: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(16))
    items: Mapped[int] = mapped_column(BigInteger)
    arrays: Mapped[list[Any]]
    columns: Mapped[list[Any]]
    finite: Mapped[bool]
    size: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    created: Mapped[float]


class Job(Table):
    """A job; its state is derived from its chunks and kept here for listing."""

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(64), index=True)
    card: Mapped[dict[str, Any]]
    method: Mapped[str] = mapped_column(String(64))
    params: Mapped[dict[str, Any]]
    target: Mapped[dict[str, Any]]
    seed: Mapped[int] = mapped_column(BigInteger)
    queue: Mapped[str] = mapped_column(String(16))
    level: Mapped[int]
    """The broker's priority: 0 goes first."""
    dataset: Mapped[str | None] = mapped_column(String(64))
    inputs: Mapped[dict[str, Any]]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """By id: the stored rows of the data sets that the parameters name."""
    """By input name: digest, dtype, shape, whether it is cut by items, whether it holds pixels."""
    items: Mapped[int] = mapped_column(BigInteger)
    cut: Mapped[int] = mapped_column(BigInteger, default=0)
    """Items that chunks have been made of; chunks are cut when the window has room."""
    cuttable: Mapped[bool]
    item_bytes: Mapped[int] = mapped_column(BigInteger)
    guess: Mapped[float]
    """Seconds per item, guessed; a measured rate of the same work takes its place."""
    work: Mapped[str] = mapped_column(String(64))
    """Digest of what decides the time of an item: model, method, parameters, shapes, provider."""
    content: Mapped[str] = mapped_column(String(64))
    """Digest of what decides the result: the work and the inputs, target, seed, versions."""
    state: Mapped[str] = mapped_column(String(24))
    error: Mapped[dict[str, Any] | None]
    dead: Mapped[bool] = mapped_column(default=False)
    cached: Mapped[bool] = mapped_column(default=False)
    done_items: Mapped[int] = mapped_column(BigInteger, default=0)
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int] = mapped_column(BigInteger)
    unit: Mapped[str] = mapped_column(String(32), default="items")
    progressed: Mapped[float] = mapped_column(default=0.0)
    attempt: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any] | None]
    """Digest and size of the merged result, once it was asked for."""
    removed: Mapped[float | None]
    evaluations: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Model evaluations of all items, estimated."""
    trace: Mapped[str | None] = mapped_column(String(64))
    """Traceparent of the span in which it was accepted; messages are lost and published again, the ledger is not."""
    created: Mapped[float]
    started: Mapped[float | None]
    finished: Mapped[float | None]
    __table_args__ = (
        Index("jobs_by_tenant", "tenant", "id"),
        Index("jobs_by_queue", "queue", "state", "level", "tenant"),
        Index("jobs_by_content", "tenant", "content"),
        Index("jobs_by_end", "finished"),
        Index("jobs_by_state", "tenant", "state"),
    )


class Chunk(Table):
    """Consecutive items of a job: the unit of lease, fence, attempt and result."""

    __tablename__ = "chunks"
    id: Mapped[int] = mapped_column(_Serial, primary_key=True, autoincrement=True)
    job: Mapped[str] = mapped_column(String(36))
    tenant: Mapped[str] = mapped_column(String(64))
    queue: Mapped[str] = mapped_column(String(16))
    level: Mapped[int]
    start: Mapped[int] = mapped_column(BigInteger)
    stop: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16), default="queued")
    """queued, running, succeeded, failed, cancelled; split: its items went on as chunks of their own."""
    attempts: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    lease: Mapped[float | None]
    worker: Mapped[str | None] = mapped_column(String(128))
    pid: Mapped[int | None]
    published: Mapped[float | None]
    publications: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int] = mapped_column(BigInteger, default=0)
    unit: Mapped[str] = mapped_column(String(32), default="")
    result: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[dict[str, Any] | None]
    seconds: Mapped[float | None]
    __table_args__ = (
        Index("chunks_by_job", "job", "state"),
        Index("chunks_by_queue", "queue", "state", "level"),
    )


class Event(Table):
    """What happened to a job, in order."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(_Serial, primary_key=True, autoincrement=True)
    job: Mapped[str] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
    at: Mapped[float]
    __table_args__ = (Index("events_by_job", "job", "id"), {"sqlite_autoincrement": True})


class IdempotencyKey(Table):
    """A key that a client gave with a request, and the job it got."""

    __tablename__ = "idempotency_keys"
    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))
    job: Mapped[str] = mapped_column(String(36))
    created: Mapped[float]


class BlobUse(Table):
    """Who needs a blob; a blob that nobody needs is removed."""

    __tablename__ = "blob_uses"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    owner: Mapped[str] = mapped_column(String(140), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    __table_args__ = (Index("blob_uses_by_owner", "kind", "owner"),)


class Turn(Table):
    """When a tenant was last given room in the window of a queue."""

    __tablename__ = "turns"
    queue: Mapped[str] = mapped_column(String(16), primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[float]


class Rate(Table):
    """Measured seconds per item of a kind of work."""

    __tablename__ = "rates"
    work: Mapped[str] = mapped_column(String(64), primary_key=True)
    seconds: Mapped[float]
    measured: Mapped[float]


class Worker(Table):
    """A worker's main process and when it last said that it consumes."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    host: Mapped[str] = mapped_column(String(64))
    pid: Mapped[int]
    queue: Mapped[str] = mapped_column(String(16))
    slots: Mapped[int]
    versions: Mapped[dict[str, Any]]
    open_walls: Mapped[list[Any] | None]
    """What a runner of this worker can still do behind its cage; None: it was not tried yet."""
    gpus: Mapped[dict[str, Any] | None]
    """Bytes used and free of each GPU, by its id; None: it works on the CPU."""
    draining: Mapped[float | None]
    seen: Mapped[float]


class Lease(Table):
    """Who may do what only one may do at a time."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    holder: Mapped[str] = mapped_column(String(128))
    until: Mapped[float]


class Counter(Table):
    """How often something happened, or how long it took in all."""

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(String(48), primary_key=True)
    label: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[float]


class ApiKey(Table):
    """An API key: never its secret."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(128))
    digest: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[Any]]
    created: Mapped[float]
    expires: Mapped[float | None]
    revoked: Mapped[float | None]


class AuditEntry(Table):
    """Who did what; `digest` seals this entry and, by `previous`, all before it."""

    __tablename__ = "audit"
    number: Mapped[int] = mapped_column(_Serial, primary_key=True, autoincrement=False)
    at: Mapped[float]
    tenant: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(64))
    request: Mapped[str] = mapped_column(String(36))
    action: Mapped[str] = mapped_column(String(32))
    thing: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]]
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))


class Usage(Table):
    """What a tenant's jobs of one day (UTC) cost."""

    __tablename__ = "usage"
    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[int] = mapped_column(primary_key=True)
    evaluations: Mapped[int] = mapped_column(BigInteger)
