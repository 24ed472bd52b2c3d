"""What two writers at once may not do to each other, on both databases; and a whole job on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from workers.errors import Crashed, NotFound
from workers.ledger import claims, counters, jobs, leases, pages, reconcile, window
from workers.ledger.database import Database, clock
from workers.records import Submission
from workers.service import Service
from workers.settings import Settings
from workers.tables import Chunk, Job

X = np.random.default_rng(1).normal(size=(5, 4)).astype("f4")


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Do something in several threads that begin at the same instant."""
    gate = threading.Barrier(count)

    def go(number: int) -> Any:
        gate.wait(10)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(go, range(count)))


@pytest.fixture
def service(settings):
    opened = Service.open(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    yield opened
    opened.close()


@pytest.fixture
def model(service, tmp_path, mlp_bytes):
    (tmp_path / "m").write_bytes(mlp_bytes)
    return service.add_model("default", tmp_path / "m", {}, None)[0].id


def test_one_key_at_the_same_instant_is_one_job(service, model):
    asked = Submission(model, "gradient", inputs={"input": X})
    answers = together(8, lambda _: service.submit("default", asked, "key"))
    assert len({job.id for job, _ in answers}) == 1
    assert sum(new for _, new in answers) == 1
    assert len(service.jobs("default").items) == 1


def test_one_model_at_the_same_instant_is_new_once(service, tmp_path, mlp_bytes):
    (tmp_path / "m").write_bytes(mlp_bytes)
    answers = together(4, lambda _: service.add_model("other", tmp_path / "m", {}, None, "name"))
    assert sum(new for _, new in answers) == 1
    assert service.models("other").items[0].names == ["name:1"]


def test_draws_at_the_same_instant_do_not_overfill_the_window(ledger, settings, new_job):
    new_job(items=1000, guess=100.0)

    def draw(_: int) -> list[window.Ticket]:
        with ledger.write() as session:
            return window.draw(session, settings, "cpu")

    drawn = [t.chunk for tickets in together(8, draw) for t in tickets]
    assert len(drawn) == len(set(drawn)) == 2


def test_a_chunk_is_claimed_once_however_many_ask(ledger, settings, new_job):
    new_job(guess=0.01)
    with ledger.write() as session:
        chunk = window.draw(session, settings, "cpu")[0].chunk

    def claim(number: int) -> claims.Claim | None:
        with ledger.write() as session:
            return claims.claim(session, chunk, f"w{number}", 1, settings)

    assert sum(found is not None for found in together(8, claim)) == 1
    with ledger.read() as session:
        assert counters.read(session)["duplicate_deliveries"][""] == 7


def test_cancelling_reporting_and_sweeping_do_not_wait_for_each_other(ledger, settings, new_job):
    ids = [new_job(items=1, total=1) for _ in range(12)]
    wide = settings.model_copy(update={"slots": 12})
    with ledger.write() as session:
        drawn = [t.chunk for t in window.draw(session, wide, "cpu")]
    held = [take(ledger, settings, chunk) for chunk in drawn]

    def stir(number: int) -> None:
        for i, claim in enumerate(held):
            with ledger.write() as session:
                DEEDS[(number + i) % len(DEEDS)](session, settings, claim)

    together(4, stir)
    with ledger.write() as session:
        session.execute(update(Chunk).where(Chunk.state == "running").values(lease=1.0))
        reconcile.expired(session, settings)
    with ledger.read() as session:
        assert {j.state for j in session.scalars(select(Job).where(Job.id.in_(ids)))} <= {
            "cancelled", "succeeded", "failed", "running",
        }  # fmt: skip


def take(ledger: Database, settings: Settings, chunk: int) -> claims.Claim:
    with ledger.write() as session:
        return claims.claim(session, chunk, "w", 1, settings)


def finish(session, settings, claim):
    claims.succeed(session, claim, "a" * 64, 0.1)
    window.draw(session, settings, "cpu")


DEEDS = (
    lambda session, _, claim: jobs.cancel(session, jobs.locked(session, claim.job)),
    lambda session, _, claim: claims.report(session, claim, 1, 2, "items"),
    finish,
    lambda session, settings, claim: claims.crash(session, claim, Crashed("x"), settings),
)


def test_one_sweep_at_a_time(ledger):
    def take(number: int) -> bool:
        with ledger.write() as session:
            return leases.take(session, "reconciler", f"w{number}", 60)

    assert sum(together(6, take)) == 1


def test_the_clock_is_the_ledgers_and_goes_on_within_a_transaction(ledger):
    with ledger.write() as session:
        before = clock(session)
        threading.Event().wait(0.02)
        assert 0.01 < clock(session) - before < 5


def test_pages_do_not_lose_what_has_the_same_time(ledger, new_job):
    ids = [new_job() for _ in range(5)]
    with ledger.write() as session:
        session.execute(update(Job).values(created=1_700_000_000.123456))
    seen, cursor = [], None
    for _ in range(5):
        with ledger.read() as session:
            page = jobs.page(session, "default", {}, pages.limited(1), cursor)
        seen, cursor = seen + [j.id for j in page.items], page.cursor
    assert (sorted(seen), cursor) == (sorted(ids), None)


@pytest.mark.parametrize("name", ["a\0b", "x" * 500, "mlp:999999999"])
def test_names_that_the_ledger_cannot_hold_are_not_there(service, name):
    for look in (service.model, service.job, service.dataset):
        with pytest.raises(NotFound):
            look("default", name)


def test_a_whole_job_on_postgresql_and_a_real_broker(make_stack, postgresql, mlp_bytes):
    stack = make_stack(database_url=postgresql.database())
    model = stack.add_model(mlp_bytes)
    many = np.random.default_rng(2).normal(size=(9000, 4)).astype("f4")
    job, _ = stack.service.submit("default", Submission(model, "occlusion", inputs={"input": many}))
    assert stack.service.wait("default", job.id, 60).state == "succeeded"
    assert stack.service.counts().chunks["succeeded"] > 1
    assert stack.service.result("default", job.id).npz.exists()


def test_a_killed_worker_is_made_good_on_postgresql(make_stack, postgresql, make_mlp):
    stack = make_stack(database_url=postgresql.database())
    model = stack.add_model(make_mlp(64, 2048))
    inputs = {"input": np.random.default_rng(3).normal(size=(2000, 64)).astype("f4")}
    job, _ = stack.service.submit("default", Submission(model, "occlusion", inputs=inputs))
    stack.until(lambda: stack.service.job("default", job.id).state == "running", 30)
    stack.worker.kill()
    stack.worker.wait()
    stack.start_worker()
    assert stack.service.wait("default", job.id, 90).state == "succeeded"
    assert sum(stack.service.counts().counters["reconciled"].values()) > 0
