"""What the service answers: frozen records, without a session or a connection behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from explainers.types import Arrays, Card, ModelDescription

State = Literal["queued", "running", "succeeded", "partially_succeeded", "failed", "cancelled"]
Priority = Literal["interactive", "batch"]
SCOPES = ("read", "submit", "models", "admin")
"""What a key may: look at its tenant's things; submit, cancel and remove jobs; the same of models and data sets; figures."""
FINAL: frozenset[State] = frozenset({"succeeded", "partially_succeeded", "failed", "cancelled"})

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some records, newest first, and the cursor of those that follow (None: these were the last)."""

    items: list[T]
    cursor: str | None = None


@dataclass(frozen=True)
class ModelRecord:
    """A model as its tenant uploaded it, looked at once by a runner."""

    id: str
    """SHA-256 of the model's bytes (of a bundle: of the model with its external data taken in)."""
    tenant: str
    names: list[str]
    """Every `name:version` that means this model."""
    size: int
    card: Card
    description: ModelDescription
    created: datetime


@dataclass(frozen=True)
class ArrayRecord:
    """A stored array: its name ("" where the file gave none), dtype, shape and the digest of its .npy bytes."""

    name: str
    dtype: str
    shape: list[int]
    digest: str


@dataclass(frozen=True)
class DatasetRecord:
    """An uploaded data set, read once by a runner into one array per name."""

    id: str
    """SHA-256 of the uploaded bytes."""
    tenant: str
    filename: str
    kind: Literal["arrays", "table", "images"]
    """`table`: rows by columns; `images`: pixels 0..255 as (items, height, width, 3), brought to an input by its card."""
    items: int
    arrays: list[ArrayRecord]
    columns: list[str]
    """Column names of a table, else empty."""
    created: datetime


@dataclass(frozen=True)
class Submission:
    """A job as asked for: a model (digest, name or name:version), a request, and where its inputs come from."""

    model: str
    method: str
    params: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] | None = None
    seed: int = 0
    priority: Priority = "batch"
    inputs: Arrays | None = None
    dataset: str | None = None
    job: str | None = None
    """An earlier job, whose inputs these are."""
    chosen: list[int] | None = None
    """Which items of the data set or of the earlier job; None: all."""


@dataclass(frozen=True)
class Progress:
    """How far a job is, in items or, of a job in one piece, in the method's own unit."""

    done: int = 0
    total: int = 0
    unit: str = "items"


@dataclass(frozen=True)
class ItemFailure:
    """Why one item of a job has no explanation."""

    item: int
    code: str
    detail: str


@dataclass(frozen=True)
class JobRecord:
    """A job: what was asked for, its state, and why it failed if it did."""

    id: str
    tenant: str
    model: str
    method: str
    params: dict[str, Any]
    target: dict[str, Any]
    seed: int
    priority: Priority
    provider: str
    state: State
    progress: Progress
    items: int
    attempt: int
    """The greatest number of attempts that one of its chunks has taken."""
    error: dict[str, Any] | None
    """`ExplainError.to_json()` fields; of a job that failed in full or in part."""
    dead_letter: bool
    """True: the attempts ran out."""
    cached: bool
    """True: the result is that of an earlier job with the same content."""
    dataset: str | None
    created: datetime
    started: datetime | None
    finished: datetime | None
    kept: bool = False
    """True: it was cancelled, and has the best result that was found by then."""
    removed: datetime | None = None
    """When its results and inputs were removed, by request or by age."""

    @property
    def final(self) -> bool:
        """Whether the state will not change any more."""
        return self.state in FINAL


@dataclass(frozen=True)
class EventRecord:
    """Something that happened to a job; ids increase, so that a stream resumes after the last one seen."""

    id: int
    kind: Literal["progress", "state"]
    data: dict[str, Any]
    """`progress`: done, total, unit; `state`: state, and error where there is one."""
    at: datetime

    @property
    def last(self) -> bool:
        """Whether no event of this job follows."""
        return self.kind == "state" and self.data.get("state") in FINAL


@dataclass(frozen=True)
class ResultRecord:
    """The result of a finished job; the arrays are in the .npz file at `npz`."""

    job: JobRecord
    account: dict[str, Any]
    """`Account` as JSON; figures of failed items are null."""
    arrays: list[ArrayRecord]
    """Names, dtypes and shapes of the arrays in the file (digest: that of the file)."""
    failures: list[ItemFailure]
    digest: str
    size: int
    npz: Path
    """A read-only file, to be streamed."""


@dataclass(frozen=True)
class Readiness:
    """Whether accepted jobs will be run; `reasons` names what is missing, `warnings` what is not as it should be."""

    ledger: bool
    broker: bool
    worker: bool
    cage: bool | None
    """Whether models run behind closed cages, with every consuming worker; None: no worker has said so yet."""
    reasons: list[str]
    warnings: list[str]

    @property
    def ready(self) -> bool:
        """Whether nothing is missing."""
        return not self.reasons


Memory = dict[str, dict[str, int]]
"""Of GPUs, each by its own id: bytes `used` and `free`, of all programs together."""


@dataclass(frozen=True)
class WorkerRecord:
    """A worker that said lately that it consumes."""

    id: str
    host: str
    queue: str
    slots: int
    versions: dict[str, str]
    open_walls: list[str] | None
    """What a runner of it can still do behind its cage; None: it was not tried yet."""
    gpus: Memory
    """Of the GPUs that its machine shows, where it uses them."""
    seen: datetime


@dataclass(frozen=True)
class Counts:
    """The figures of /metrics that the ledger knows."""

    jobs: dict[str, int]
    """Jobs by state."""
    chunks: dict[str, int]
    """Chunks by state."""
    counters: dict[str, dict[str, int]]
    """Counters by name and label value: `duplicate_deliveries`, `reconciled`, `sandbox_kills`, `attempts`, ..."""
    seconds: dict[str, dict[str, float]]
    """Sums of seconds by name and method/device: `queue`, `load`, `explain`, `store`."""
    errors: dict[str, dict[str, int]]
    """Items by method and the bound (`accuracy.BOUNDS`) that the error of their explanation is under."""
    workers: list[WorkerRecord]


@dataclass(frozen=True)
class KeyRecord:
    """An API key, without its secret."""

    id: str
    tenant: str
    name: str
    scopes: tuple[str, ...]
    state: Literal["valid", "expired", "revoked"]
    created: datetime
    expires: datetime | None
    revoked: datetime | None

    @property
    def valid(self) -> bool:
        """Whether it opens anything now."""
        return self.state == "valid"
