"""Supervises one chunk at a time in a Celery child: claims it, has a runner explain it, writes the result once."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from sqlalchemy.orm import Session

from explainers.errors import Cancelled, ExplainError, ResourceLimit, RuntimeFailure
from explainers.types import Arrays

from . import accuracy, companions, logs, references, traces
from . import arrays as npy
from .blobs import open_blobs
from .cutting import cut_inputs, cut_target
from .errors import Crashed, LedgerUnavailable, ServiceFailed, TimeLimit, Unavailable
from .ledger import claims, counters, window, workers
from .ledger.claims import Claim
from .ledger.database import Database
from .ledger.window import Ticket
from .publisher import Publisher
from .runner.pool import Pool
from .runner.process import Watch
from .settings import Settings

T = TypeVar("T")
log = logging.getLogger(__name__)
_current: Supervisor | None = None


class Supervisor:
    """One slot of a worker, with its warm runners."""

    def __init__(self, settings: Settings, worker: str) -> None:
        self._settings, self._worker = settings, worker
        self._database = Database(settings.ledger_url)
        self._blobs = open_blobs(settings.blobs, settings.blob_url)
        self._publisher = Publisher(settings, self._database)
        self._pool = Pool(settings)

    def close(self) -> None:
        """End the runners."""
        self._pool.close()
        self._publisher.close(0.5)
        self._database.close()

    def explain(self, chunk: int) -> None:
        """Explain a chunk that a wake-up call named, unless another has it."""
        # while the ledger does not answer the lease runs out, and the reconciler publishes the chunk again
        with suppress(LedgerUnavailable):
            with self._database.write() as session:
                claim = claims.claim(session, chunk, self._worker, os.getpid(), self._settings)
            if claim is not None:
                with traces.span("chunk", "CONSUMER", claim.trace, **_about(claim), method=claim.method):
                    self._explain(claim)

    def _explain(self, claim: Claim) -> None:
        logs.about(**_about(claim))
        log.info("chunk %d of job %s, attempt %d", claim.chunk, claim.job, claim.attempts)
        watch = _Watcher(self._settings, self._database, claim, self._worker)
        try:
            self._finish(claim, self._run(claim, watch))
        except Cancelled:
            self._stopped(claim, watch)
        except LedgerUnavailable:
            raise
        except Unavailable as e:
            self._postponed(claim, e)
        except ExplainError as e:
            self._failed(claim, e)
        except MemoryError:
            self._failed(claim, ResourceLimit("the worker ran out of memory; send fewer items"))
        except Exception as e:
            # no model runs in this process: whatever this is, it is ours
            log.exception("chunk %d of job %s", claim.chunk, claim.job)
            self._failed(claim, _ours(claim, e))

    def _run(self, claim: Claim, watch: _Watcher) -> _Done:
        inputs = cut_inputs(claim, self._blobs)
        data, places = references.read(claim.data, inputs, self._blobs)
        asked = time.monotonic()
        with ExitStack() as stack:
            others = companions.digests(claim.method, claim.params)
            files = [stack.enter_context(self._blobs.path(d).open("rb")) for d in (claim.model, *others)]
            runner = stack.enter_context(self._pool.runner(claim.tenant, claim.model, watch.stop))
            began, clock = time.monotonic(), time.time_ns()
            frame = runner.call(
                {**self._order(claim), "data": places, "models": others}, inputs | data, [f.fileno() for f in files],
                watch=Watch(self._settings.run_seconds, watch.progress, watch.stop),
            )  # fmt: skip
            ended = time.monotonic()
            traces.record(frame.fields.get("steps"), clock)
        if watch.drained:
            # what a search had found by then is not what was asked for: another worker begins it anew
            raise Cancelled("the worker is being drained")
        account = frame.fields["account"]
        digest = self._store(frame.arrays, account)
        evaluations = _counted(account, self._settings.item_evaluations * claim.count)
        return _Done(
            digest, ended - began, began - asked, time.monotonic() - ended, evaluations,
            accuracy.errors(account, claim.count),
        )  # fmt: skip

    def _order(self, claim: Claim) -> dict[str, Any]:
        pixels = {name: i["spec"] for name, i in claim.inputs.items() if i.get("spec")}
        return {
            "op": "explain", "model": claim.model, "card": claim.card, "method": claim.method, "params": claim.params,
            "target": cut_target(claim), "seed": claim.seed, "provider": self._settings.provider,
            "threads": self._settings.runner_threads, "pixels": pixels,
        }  # fmt: skip

    def _store(self, arrays: Arrays, account: dict[str, Any]) -> str:
        plain = {name: np.asarray(a) for name, a in arrays.items()}
        return self._blobs.put(lambda file: npy.write_npz(file, plain, json.dumps(account))).digest

    def _finish(self, claim: Claim, done: _Done) -> None:
        def write(session: Session) -> list[Ticket]:
            if claims.succeed(session, claim, done.digest, done.explaining):
                self._count(session, claim, done)
            elif not claims.keep(session, claim, done.digest):
                log.warning("chunk %d was finished by another; this result is not used", claim.chunk)
            return window.draw(session, self._settings, self._settings.provider)

        self._publisher.publish(self._written(write))

    def _count(self, session: Session, claim: Claim, done: _Done) -> None:
        place = f"{claim.method}/{self._settings.provider}"
        counters.add(session, "load_seconds", place, done.loading)
        counters.add(session, "store_seconds", place, done.storing)
        counters.add(session, "model_evals", "", done.evaluations)
        for bound, items in done.errors.items():
            counters.add(session, "approximation_error", f"{claim.method}/{bound}", items)

    def _stopped(self, claim: Claim, watch: _Watcher) -> None:
        if watch.drained:
            self._written(lambda session: claims.give_back(session, claim))
        self._publisher.top_up(self._settings.provider)

    def _postponed(self, claim: Claim, error: Unavailable) -> None:
        log.warning("chunk %d of job %s is put off: %s", claim.chunk, claim.job, error.detail)
        self._written(lambda session: claims.postpone(session, claim))

    def _failed(self, claim: Claim, error: ExplainError) -> None:
        log.warning("chunk %d of job %s failed: %s", claim.chunk, claim.job, error.code)
        traces.note(outcome=error.code)

        def write(session: Session) -> list[Ticket]:
            if isinstance(error, Crashed | TimeLimit | ResourceLimit | ServiceFailed):
                if not isinstance(error, ServiceFailed):
                    counters.add(session, "sandbox_kills", error.code)
                # what ran too long would do so again; what took too much memory gets one more try, in a fresh runner
                tries = {TimeLimit: 1, ResourceLimit: 2}.get(type(error))
                claims.crash(session, claim, error, self._settings, tries=tries)
            else:
                claims.refuse(session, claim, error, all_items=not isinstance(error, RuntimeFailure))
            return window.draw(session, self._settings, self._settings.provider)

        self._publisher.publish(self._written(write))

    def _written(self, deed: Callable[[Session], T]) -> T:
        """Write the end of a chunk; a ledger that does not answer is waited for as long as the chunk may still be ours."""
        deadline = time.monotonic() + self._settings.lease_seconds
        while True:
            try:
                with self._database.write() as session:
                    return deed(session)
            except LedgerUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(self._settings.tick_seconds)


@dataclass(frozen=True)
class _Done:
    """A chunk's result among the blobs, the seconds that went into it, what it asked of the model, how far off it is."""

    digest: str
    explaining: float
    loading: float
    storing: float
    evaluations: int
    errors: dict[str, int]


def _counted(account: dict[str, Any], most: int) -> int:
    """Return the model's evaluations as an account gives them, 0 where no account can: a runner may say anything."""
    said = account.get("model_evaluations")
    return said if type(said) is int and 0 <= said <= most else 0


def _ours(claim: Claim, error: Exception) -> ServiceFailed:
    return ServiceFailed(
        f"the service failed ({type(error).__name__}), and neither the model nor the request is to blame; ask its operator: "
        f"the worker's log has the reason under job {claim.job}"
    )


def _about(claim: Claim) -> dict[str, Any]:
    """Return the ids of a claim, as logs and spans have them."""
    return {
        "tenant": claim.tenant,
        "job": claim.job,
        "chunk": claim.chunk,
        "attempt": claim.attempts,
        "fence": claim.fence,
    }


class _Watcher:
    """Reads cancellation, writes progress and renews the lease while a runner works."""

    def __init__(self, settings: Settings, database: Database, claim: Claim, worker: str) -> None:
        self._settings, self._database, self._claim, self._worker = settings, database, claim, worker
        self._ticked = self._renewed = time.monotonic()
        self._progress = self._written = (0, 0, "")
        self._stop = False
        self.drained = False

    def progress(self, done: int, total: int, unit: str) -> None:
        """Remember how far the runner is."""
        self._progress = (done, total, unit)

    def stop(self) -> bool:
        """Look into the ledger every second; True: the work is no longer wanted from us."""
        if not self._stop and time.monotonic() - self._ticked >= self._settings.tick_seconds:
            self._ticked = time.monotonic()
            try:
                self._stop = not self._tick()
            except LedgerUnavailable:
                # the lease tells the others; the work may still end in time
                return False
        return self._stop

    def _tick(self) -> bool:
        renew = self._ticked - self._renewed >= self._settings.renew_seconds
        if renew or self._progress != self._written:
            return self._write(renew=renew)
        with self._database.read() as session:
            draining = workers.draining_for(session, self._worker)
            self.drained = draining is not None and draining > self._settings.drain_seconds
            return claims.held(session, self._claim) and not self.drained

    def _write(self, *, renew: bool) -> bool:
        with self._database.write() as session:
            if renew and not claims.renew(session, self._claim, self._settings.lease_seconds):
                return False
            ours = claims.report(session, self._claim, *self._progress)
        self._written = self._progress
        self._renewed = self._ticked if renew else self._renewed
        return ours


def install(supervisor: Supervisor) -> None:
    """Make this the supervisor of this process."""
    global _current  # noqa: PLW0603  one slot per process
    _current = supervisor


def current() -> Supervisor:
    """Return the supervisor of this process."""
    assert _current is not None, "the worker process was not initialised"
    return _current
