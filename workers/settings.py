"""Every setting of the service, read once from the environment (prefix `ONNXPLAIN_`)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from explainers.errors import InvalidRequest

GiB = 1 << 30
MiB = 1 << 20
TOKEN_ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Signatures by a key of which the issuer publishes one half: never `none`, never a secret that both sides share."""


class Settings(BaseSettings):
    """The settings of the web process, the workers and the runners; all processes of one service share them."""

    model_config = SettingsConfigDict(env_prefix="ONNXPLAIN_", frozen=True, extra="ignore")

    data: Path = Field(
        Path("onnxplain-data"), description="Folder of the ledger, the blobs and the broker's log."
    )
    database_url: str | None = Field(
        None, description="SQLAlchemy URL of the ledger; default: SQLite in the data folder."
    )
    blob_url: str | None = Field(
        None, description="s3://, gs:// or az:// URL of the blobs; default: in the data folder."
    )
    redis_url: str | None = Field(
        None, description="URL of the broker; `serve` starts one of its own when there is none."
    )
    key_prefix: str = Field(
        "onnxplain:", description="Prefix of every key in the broker, so that one can be shared."
    )

    provider: Literal["cpu", "cuda"] = Field(
        "cpu", description="What this worker runs models on; also its queue's name."
    )
    slots: int = Field(
        default_factory=lambda: max(1, os.cpu_count() or 1), ge=1, description="Chunks a worker runs at once."
    )
    threads: int = Field(
        0, ge=0, description="Threads of one runner; 0: the machine's cores divided by the slots."
    )

    lease_seconds: float = Field(60.0, gt=0, description="How long a claim holds without being renewed.")
    renew_seconds: float = Field(15.0, gt=0, description="How often a claim is renewed.")
    tick_seconds: float = Field(
        1.0, gt=0, description="How often a supervisor reads cancellation and writes progress."
    )
    reconcile_seconds: float = Field(15.0, gt=0, description="How often the reconciler sweeps.")
    republish_seconds: float = Field(
        30.0, gt=0, description="Age from which a published, unclaimed chunk is published again."
    )
    heartbeat_seconds: float = Field(5.0, gt=0, description="How often a worker says that it consumes.")
    deaf_seconds: float = Field(
        20.0,
        gt=0,
        description="How long calls may wait while a worker takes none, before it connects anew; twice as long: it ends.",
    )
    drain_seconds: float = Field(
        30.0, gt=0, description="How long a stopping worker lets a chunk run before giving it back."
    )
    max_attempts: int = Field(3, ge=1, description="Attempts at a chunk of one item before it is dead.")
    split_attempts: int = Field(
        2, ge=1, description="Attempts at a chunk of several items before it is split into single ones."
    )
    chunk_seconds: float = Field(3.0, gt=0, description="Work that one chunk aims at.")

    run_seconds: float = Field(780.0, gt=0, description="Wall time of one chunk in its runner.")
    scan_seconds: float = Field(60.0, gt=0, description="Wall time of looking at one upload.")
    looks: int = Field(
        4,
        ge=1,
        description="Tenants whose uploads a web process looks at, and whose pictures it draws, at once; one of each tenant.",
    )
    looks_waiting: int = Field(
        16, ge=0, description="Uploads, and pictures, that wait for that; half of them of one tenant."
    )
    looks_wait_seconds: float = Field(10.0, ge=0, description="How long they wait before they are refused.")
    runner_memory: int = Field(8 * GiB, gt=0, description="Resident bytes at which a runner is killed.")
    runners_memory: int = Field(
        0,
        ge=0,
        description="Resident bytes of all runners of one machine that rest; 0: half of its memory, or of its container's.",
    )
    runner_idle_seconds: float = Field(600.0, gt=0, description="How long a runner rests before it is ended.")
    cage: Literal["required", "best-effort"] = Field(
        "best-effort",
        description="Whether a model may run where its cage cannot be closed whole; off loopback it never may.",
    )
    cancel_seconds: float = Field(
        2.0, gt=0, description="How long a runner may take to stop when asked, before it is killed."
    )

    model_bytes: int = Field(2 * GiB, gt=0, description="Greatest model, with its external data.")
    model_nodes: int = Field(
        100_000,
        gt=0,
        description="Most nodes of a model, its functions written out and its branches counted.",
    )
    model_depth: int = Field(8, gt=0, description="Deepest nesting of branches and loops in a model.")
    model_name_length: int = Field(1000, gt=0, description="Longest name of a node or tensor of a model.")
    tensor_bytes: int = Field(2 * GiB - 1, gt=0, description="Greatest tensor in a model, by its shape.")
    input_bytes: int = Field(
        4 * GiB, gt=0, description="Greatest inputs of one job or data set, uncompressed."
    )
    item_evaluations: int = Field(
        10_000_000, gt=0, description="Greatest estimated number of model evaluations per item."
    )
    job_hours: float = Field(
        240.0, gt=0, description="Greatest estimated time of one job, if one slot did all of it."
    )
    result_days: float = Field(30.0, gt=0, description="How long results are kept.")
    result_cache: bool = Field(True, description="Answer a job that was done before with its result.")
    idempotency_hours: float = Field(48.0, gt=0, description="How long an idempotency key is remembered.")

    quota_jobs: int = Field(
        20_000, ge=0, description="Jobs of one tenant that have not ended; 0: any number."
    )
    quota_running: int = Field(
        0, ge=0, description="Parts of jobs of one tenant with the workers at once; 0: its fair turn."
    )
    quota_bytes: int = Field(
        0, ge=0, description="Bytes of models, data sets and inputs that one tenant may keep; 0: any number."
    )
    quota_evaluations: int = Field(
        0, ge=0, description="Estimated model evaluations of one tenant in a day (UTC); 0: any number."
    )
    request_rate: str = Field(
        "3000/minute", description="Requests of one key, as Flask-Limiter writes it; empty: any number."
    )
    refused_rate: str = Field(
        "60/minute", description="Requests of one address that show no valid key; empty: any number."
    )
    oidc_issuer: str | None = Field(
        None,
        description="Issuer of OIDC bearer tokens, as their claim `iss` has it; none: keys alone open the service.",
    )
    oidc_audience: str | None = Field(
        None, description="What the claim `aud` of a token must hold; needed with an issuer."
    )
    oidc_jwks: str | None = Field(
        None,
        description="URL or file of the issuer's keys (JWKS); default: where the issuer's discovery document says.",
    )
    oidc_algorithms: tuple[str, ...] = Field(
        ("RS256", "ES256"), min_length=1, description="Signatures that are accepted, as a JSON list."
    )
    oidc_tenant_claim: str = Field(
        "tenant", description="Claim that names the tenant; dots lead into objects."
    )
    oidc_scope_claim: str = Field(
        "scope", description="Claim with the scopes: words in a text, or a list; dots lead into objects."
    )
    oidc_scope_prefix: str = Field(
        "", description="What stands before a scope in the claim, for example `onnxplain:`."
    )
    oidc_leeway_seconds: float = Field(
        30.0, ge=0, le=300, description="How far the issuer's clock may be from ours."
    )
    oidc_refresh_seconds: float = Field(
        300.0, gt=0, le=86400, description="How often the issuer's keys are fetched again."
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins whose pages may ask with a key, as a JSON list; none by default."
    )
    traces_url: str | None = Field(
        None,
        description="Where spans are sent, OTLP over HTTP, for example http://127.0.0.1:4318/v1/traces; none: no spans.",
    )
    log_format: Literal["text", "json"] = Field("text", description="How processes write their logs.")

    @model_validator(mode="after")
    def _check_issuer(self) -> Settings:
        unknown = sorted(set(self.oidc_algorithms) - set(TOKEN_ALGORITHMS))
        if unknown:
            raise ValueError(
                f"oidc_algorithms are some of {', '.join(TOKEN_ALGORITHMS)}, not {', '.join(unknown)}"
            )
        if self.oidc_issuer is not None and not self.oidc_audience:
            raise ValueError(
                "oidc_issuer needs oidc_audience: a token that was made for another service must not open this one"
            )
        return self

    @property
    def ledger_url(self) -> str:
        """The SQLAlchemy URL of the ledger."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'ledger.db'}"

    @property
    def blobs(self) -> Path:
        """The folder of the blobs, or of the local copies of remote ones."""
        return self.data.absolute() / "blobs"

    @property
    def time_limit(self) -> int:
        """The hard limit of a Celery task: well above the runner's own, which must act first."""
        return int(self.run_seconds * 1.1) + 60

    @property
    def runner_threads(self) -> int:
        """The threads of one runner, so that all slots together use the cores once."""
        return self.threads or max(1, (os.cpu_count() or 1) // self.slots)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that give another process of this service these very settings."""
        plain = self.model_dump(mode="json", exclude_none=True) | {"data": str(self.data.absolute())}
        return {f"ONNXPLAIN_{k.upper()}": _written(v) for k, v in plain.items()}


def read(**given: object) -> Settings:
    """Return the settings of the environment, those that are given before them; InvalidRequest names what does not fit."""
    try:
        return Settings(**given)  # type: ignore[arg-type]  # as the fields above say
    except ValidationError as e:
        faults = [f"{_variable(f['loc'])}: {f['msg']}" for f in e.errors()]
        raise InvalidRequest(f"the settings do not fit: {'; '.join(faults)}") from e
    except SettingsError as e:
        raise InvalidRequest(f"the settings do not fit: {e}; lists are written as JSON") from e


def _variable(place: tuple[int | str, ...]) -> str:
    return "_".join(["ONNXPLAIN", *(str(step).upper() for step in place)]) if place else "together"


def _written(value: object) -> str:
    return json.dumps(value) if isinstance(value, list) else str(value)
