from __future__ import annotations

import pytest
from sqlalchemy import update

from workers.ledger import claims, leases, reconcile, window, workers
from workers.ledger.workers import Identity
from workers.tables import Chunk


@pytest.fixture
def draw(ledger, settings):
    def go():
        with ledger.write() as session:
            return [session.get_one(Chunk, t.chunk) for t in window.draw(session, settings, "cpu")]

    return go


def test_the_window_holds_twice_the_slots_and_no_more(draw, new_job):
    new_job(items=1000, guess=100.0)
    assert len(draw()) == 2
    assert draw() == []


def test_a_finished_chunk_makes_room_for_one(draw, new_job, ledger, settings):
    new_job(items=1000, guess=100.0)
    chunk = draw()[0]
    with ledger.write() as session:
        claim = claims.claim(session, chunk.id, "w", 1, settings)
        claims.succeed(session, claim, "a" * 64, 100.0)
    assert len(draw()) == 1


def test_the_slots_of_the_workers_that_consume_count(draw, new_job, ledger, settings):
    with ledger.write() as session:
        workers.beat(session, Identity("w1", "h", 1, "cpu", 3, {}))
        workers.beat(session, Identity("w2", "h", 2, "cuda", 5, {}))
    new_job(items=1000, guess=100.0)
    assert len(draw()) == 6


def test_tenants_take_turns_however_long_the_backlog_of_one(draw, new_job, settings):
    for _ in range(3):
        new_job(tenant="big", items=1000, guess=100.0)
    new_job(tenant="small", items=1, total=1)
    assert sorted(c.tenant for c in draw()) == ["big", "small"]


def test_an_urgent_job_has_room_though_a_batch_fills_the_window(draw, new_job):
    new_job(tenant="big", items=1000, guess=100.0)
    assert len(draw()) == 2
    new_job(tenant="small", level=0, items=1, total=1)
    assert [(c.tenant, c.level) for c in draw()] == [("small", 0)]


def test_a_chunk_put_back_goes_before_new_ones(draw, new_job, ledger):
    new_job(items=1000, guess=100.0)
    first = draw()[0]
    with ledger.write() as session:
        session.execute(update(Chunk).where(Chunk.id == first.id).values(published=None))
    assert [c.id for c in draw()] == [first.id]


def test_what_was_published_and_never_claimed_is_published_again_ever_later(draw, new_job, ledger, settings):
    new_job(items=1, total=1)
    chunk = draw()[0]
    age(ledger, chunk.id, settings.republish_seconds + 1)
    with ledger.write() as session:
        assert reconcile.unclaimed(session, settings) == 1
    assert [c.publications for c in draw()] == [2]
    age(ledger, chunk.id, settings.republish_seconds + 1)
    with ledger.write() as session:
        assert reconcile.unclaimed(session, settings) == 0


def age(ledger, chunk, seconds):
    with ledger.write() as session:
        session.execute(update(Chunk).where(Chunk.id == chunk).values(published=Chunk.published - seconds))


def test_a_job_that_cannot_be_cut_is_one_chunk(draw, new_job):
    new_job(items=1000, guess=100.0, cuttable=False)
    assert [(c.start, c.stop) for c in draw()] == [(0, 1000)]


def test_one_reconciler_at_a_time(ledger):
    with ledger.write() as session:
        assert leases.take(session, "reconciler", "a", 60)
        assert not leases.take(session, "reconciler", "b", 60)
        assert leases.take(session, "reconciler", "a", -60)
        assert leases.take(session, "reconciler", "b", 60)
