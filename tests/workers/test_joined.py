"""Results that are joined when they are first asked for, while something else happens to their job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from explainers.types import Account
from workers import arrays, results
from workers.admin import Admin
from workers.blobs import Blobs, open_blobs
from workers.errors import Crashed, Gone, NotReady
from workers.ledger import claims, jobs, reconcile, uses, window
from workers.tables import BlobUse, Job, Model


@pytest.fixture
def blobs(settings) -> Blobs:
    return open_blobs(settings.blobs, None)


def part(blobs: Blobs, value: float) -> str:
    """Store the result of one item."""
    told = Account(
        method="gradient", params={}, target={}, seed=0, provider="cpu", versions={}, model="m", items=1, score=[value],
    )  # fmt: skip
    a = {"attribution.input": np.full((1, 3), value, "f4")}
    return blobs.put(lambda file: arrays.write_npz(file, a, told.model_dump_json())).digest


@pytest.fixture
def run(ledger, settings, blobs) -> Callable[..., None]:
    """Runs every chunk that waits: those of these items crash each time, the others succeed."""

    def go(poison: tuple[int, ...] = ()) -> None:
        while tickets := drawn(ledger, settings):
            for ticket in tickets:
                with ledger.write() as session:
                    claim = claims.claim(session, ticket.chunk, "w", 1, settings)
                    if claim.start in poison:
                        claims.crash(session, claim, Crashed("x"), settings)
                    else:
                        claims.succeed(session, claim, part(blobs, float(claim.start)), 0.1)

    return go


def drawn(ledger, settings) -> list[window.Ticket]:
    with ledger.write() as session:
        return window.draw(session, settings, "cpu")


@pytest.fixture
def job(ledger, new_job) -> str:
    """A job of three items, each in a chunk of its own."""
    with ledger.write() as session:
        session.add(Model(tenant="default", id="m", size=1, card={}, description={}, created=0.0))
    return new_job(items=3, total=3, guess=10.0)


def attributions(ledger, blobs, job: str) -> list[float]:
    found = results.result(ledger, blobs, "default", job)
    return arrays.read_rows(found.npz, 0, 3)["attribution.input"][:, 0].tolist()


def kept(ledger, job: str) -> list[str]:
    with ledger.read() as session:
        return list(session.scalars(select(BlobUse.digest).where(BlobUse.owner == job)))


def test_what_is_tried_again_is_joined_again(ledger, settings, blobs, run, job):
    run(poison=(1,))
    gap = attributions(ledger, blobs, job)
    assert (gap[0], gap[2]) == (0.0, 2.0)
    assert np.isnan(gap[1])
    joined = results.result(ledger, blobs, "default", job).digest
    assert Admin(settings, ledger).requeue(job) == 1
    with pytest.raises(NotReady):
        attributions(ledger, blobs, job)
    run()
    assert attributions(ledger, blobs, job) == [0.0, 1.0, 2.0]
    # and nobody keeps the one with the gap
    assert joined not in kept(ledger, job)
    assert len(kept(ledger, job)) == 4


class Meanwhile(Blobs):
    """A store beside which something happens while a result is written to it."""

    def __init__(self, blobs: Blobs, deed: Callable[[], Any]) -> None:
        super().__init__(blobs.root)
        self._deed = deed

    def put(self, write):
        blob = super().put(write)
        self._deed()
        return blob


def test_what_is_removed_while_it_is_joined_stays_removed(ledger, blobs, run, job):
    run()

    def remove() -> None:
        with ledger.write() as session:
            reconcile.remove_results(session, jobs.locked(session, job))

    with pytest.raises(Gone):
        attributions(ledger, Meanwhile(blobs, remove), job)
    assert kept(ledger, job) == []
    with ledger.read() as session:
        assert session.get_one(Job, job).result is None


def test_what_is_tried_again_while_it_is_joined_is_joined_anew(ledger, settings, blobs, run, job):
    run(poison=(1,))

    def again() -> None:
        Admin(settings, ledger).requeue(job)
        run()

    with pytest.raises(NotReady):
        attributions(ledger, Meanwhile(blobs, again), job)
    assert attributions(ledger, blobs, job) == [0.0, 1.0, 2.0]


def test_whoever_needs_one_thing_less_keeps_the_others(ledger):
    with ledger.write() as session:
        for digest in ("a" * 64, "b" * 64):
            uses.add(session, "t", "result", "j", digest)
        uses.drop_one(session, "result", "j", "a" * 64)
        assert not uses.used(session, "a" * 64)
        assert uses.drop(session, "result", "j") == ["b" * 64]
