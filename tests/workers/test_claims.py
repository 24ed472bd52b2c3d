from __future__ import annotations

import pytest
from sqlalchemy import update

from explainers.errors import InvalidRequest, RuntimeFailure
from workers.errors import Crashed, TimeLimit
from workers.ledger import claims, counters, jobs, reconcile, window, workers
from workers.ledger.workers import Identity
from workers.tables import Chunk, Job


@pytest.fixture
def drawn(ledger, settings, new_job):
    """A job of four items in one chunk, published."""
    new_job(guess=0.01)
    with ledger.write() as session:
        return window.draw(session, settings, "cpu")[0].chunk


@pytest.fixture
def take(ledger, settings):
    def claim(chunk, worker="w1", pid=1):
        with ledger.write() as session:
            return claims.claim(session, chunk, worker, pid, settings)

    return claim


def look(ledger, chunk):
    with ledger.read() as session:
        row = session.get_one(Chunk, chunk)
        return row, session.get_one(Job, row.job)


def expire(ledger, chunk):
    with ledger.write() as session:
        session.execute(update(Chunk).where(Chunk.id == chunk).values(lease=1.0))


def test_a_claimed_chunk_is_not_claimed_again(ledger, drawn, take):
    assert take(drawn).attempts == 1
    assert take(drawn, "w2") is None
    with ledger.read() as session:
        assert counters.read(session)["duplicate_deliveries"][""] == 1


def test_an_expired_lease_is_taken_over_and_the_first_holder_writes_nothing(ledger, drawn, take):
    first = take(drawn)
    expire(ledger, drawn)
    second = take(drawn, "w2")
    assert second.fence > first.fence
    with ledger.write() as session:
        assert not claims.succeed(session, first, "a" * 64, 1.0)
        assert not claims.renew(session, first, 60)
        assert not claims.report(session, first, 1, 2, "items")
        assert claims.succeed(session, second, "b" * 64, 1.0)
    chunk, job = look(ledger, drawn)
    assert (chunk.result, job.state) == ("b" * 64, "succeeded")


def test_a_result_is_written_once(ledger, drawn, take):
    claim = take(drawn)
    with ledger.write() as session:
        assert claims.succeed(session, claim, "a" * 64, 1.0)
        assert not claims.succeed(session, claim, "b" * 64, 1.0)
    assert look(ledger, drawn)[0].result == "a" * 64


def test_attempts_are_capped_in_the_claim(ledger, drawn, take, settings):
    for _ in range(settings.max_attempts):
        assert take(drawn)
        expire(ledger, drawn)
    assert take(drawn) is None


def test_a_chunk_that_crashed_twice_is_split_into_items(ledger, drawn, take, settings):
    for _ in range(2):
        claim = take(drawn)
        with ledger.write() as session:
            claims.crash(session, claim, Crashed("it died"), settings)
    chunk, job = look(ledger, drawn)
    assert (chunk.state, job.state) == ("split", "running")
    with ledger.read() as session:
        parts = session.query(Chunk).filter_by(job=job.id, state="queued").order_by(Chunk.start)
        assert [(c.start, c.stop) for c in parts] == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_an_item_that_crashes_every_time_is_dead_and_the_job_says_so(ledger, new_job, take, settings):
    new_job(items=1, total=1)
    with ledger.write() as session:
        chunk = window.draw(session, settings, "cpu")[0].chunk
    for _ in range(settings.max_attempts):
        claim = take(chunk)
        with ledger.write() as session:
            claims.crash(session, claim, Crashed("it died"), settings)
    _, job = look(ledger, chunk)
    assert (job.state, job.dead, job.error["code"], job.attempt) == ("failed", True, "worker-crashed", 3)


def test_one_poisonous_item_does_not_fail_its_neighbours(ledger, drawn, take, settings):
    with ledger.write() as session:
        claims.refuse(session, claim_in(session, drawn, settings), RuntimeFailure("no"), all_items=False)
    _, job = look(ledger, drawn)
    for item in singles(ledger, job.id):
        claim = take(item)
        with ledger.write() as session:
            if claim.start == 2:
                claims.refuse(session, claim, RuntimeFailure("item 2"), all_items=False)
            else:
                claims.succeed(session, claim, "a" * 64, 0.1)
    _, job = look(ledger, drawn)
    assert (job.state, job.error["detail"], job.done_items) == ("partially_succeeded", "item 2", 4)


def test_what_is_about_all_items_together_fails_whole(ledger, new_job, take, settings):
    new_job(items=4, total=4, cuttable=False)
    with ledger.write() as session:
        chunk = window.draw(session, settings, "cpu")[0].chunk
    claim = take(chunk)
    with ledger.write() as session:
        claims.refuse(session, claim, RuntimeFailure("the score of item 2 is nan"), all_items=False)
    _, job = look(ledger, chunk)
    assert (job.state, job.error["detail"]) == ("failed", "the score of item 2 is nan")


def claim_in(session, chunk, settings):
    return claims.claim(session, chunk, "w1", 1, settings)


def singles(ledger, job):
    with ledger.read() as session:
        return [c.id for c in session.query(Chunk).filter_by(job=job, state="queued").order_by(Chunk.start)]


def test_what_every_item_would_refuse_fails_the_job_at_once(ledger, drawn, take):
    claim = take(drawn)
    with ledger.write() as session:
        claims.refuse(session, claim, InvalidRequest("bad", pointer="/target"), all_items=True)
    _, job = look(ledger, drawn)
    assert (job.state, job.error["errors"][0]["pointer"]) == ("failed", "/target")


def test_too_long_is_not_tried_again(ledger, new_job, take, settings):
    new_job(items=1, total=1)
    with ledger.write() as session:
        chunk = window.draw(session, settings, "cpu")[0].chunk
    claim = take(chunk)
    with ledger.write() as session:
        claims.crash(session, claim, TimeLimit("too long"), settings, tries=1)
    assert look(ledger, chunk)[1].error["code"] == "time-limit"


def test_a_chunk_given_back_has_spent_no_attempt(ledger, drawn, take):
    claim = take(drawn)
    with ledger.write() as session:
        claims.give_back(session, claim)
    chunk, _ = look(ledger, drawn)
    assert (chunk.state, chunk.attempts, chunk.published) == ("queued", 0, None)


def test_cancelling_takes_the_chunk_from_its_holder(ledger, drawn, take):
    claim = take(drawn)
    with ledger.write() as session:
        jobs.cancel(session, jobs.locked(session, claim.job))
    with ledger.write() as session:
        assert not claims.held(session, claim)
        assert not claims.succeed(session, claim, "a" * 64, 1.0)
    assert look(ledger, drawn)[1].state == "cancelled"
    assert take(drawn) is None


def test_a_lost_lease_goes_back_to_the_queue_with_notice(ledger, drawn, take, settings):
    take(drawn)
    expire(ledger, drawn)
    with ledger.write() as session:
        assert reconcile.expired(session, settings) == 1
        assert reconcile.expired(session, settings) == 0
    chunk, _ = look(ledger, drawn)
    assert (chunk.state, chunk.published) == ("queued", None)
    with ledger.read() as session:
        assert counters.read(session)["reconciled"]["expired"] == 1


def test_a_dead_childs_chunk_is_put_back_at_once(ledger, drawn, take, settings):
    take(drawn, "w1", pid=4242)
    with ledger.write() as session:
        assert reconcile.dead_children(session, settings, "w1", lambda pid: True) == 0
        assert reconcile.dead_children(session, settings, "other", lambda pid: False) == 0
        assert reconcile.dead_children(session, settings, "w1", lambda pid: pid != 4242) == 1
    assert look(ledger, drawn)[0].state == "queued"


def test_the_rate_of_an_item_is_learnt(ledger, drawn, take, new_job, settings):
    claim = take(drawn)
    with ledger.write() as session:
        claims.succeed(session, claim, "a" * 64, 0.04)
    new_job(items=1000, guess=100.0)
    with ledger.write() as session:
        chunk = session.get_one(Chunk, window.draw(session, settings, "cpu")[0].chunk)
        assert chunk.stop - chunk.start == pytest.approx(settings.chunk_seconds / 0.01, rel=0.01)


def test_chunks_get_shorter_towards_the_end_so_that_all_slots_end_together(
    ledger, drawn, take, new_job, settings
):
    claim = take(drawn)
    with ledger.write() as session:
        claims.succeed(session, claim, "a" * 64, 0.04)
        workers.beat(session, Identity("w", "h", 1, "cpu", 4, {}))
    whole = int(settings.chunk_seconds / 0.01)
    number = new_job(items=2 * whole, guess=100.0)
    with ledger.write() as session:
        tickets = window.draw(session, settings, "cpu")
        sizes = [c.stop - c.start for t in tickets if (c := session.get_one(Chunk, t.chunk)).job == number]
    assert sizes[0] == pytest.approx(whole / 2, abs=1)
    assert sizes == sorted(sizes, reverse=True)
    # but the very last, which is what was left
    assert min(sizes[:-1]) == whole // 4


@pytest.mark.parametrize(("items", "first"), [(1000, 500), (20, 20)])
def test_items_that_were_never_measured_are_shared_among_the_slots_unless_they_are_few(
    ledger, new_job, settings, items, first
):
    with ledger.write() as session:
        workers.beat(session, Identity("w", "h", 1, "cpu", 2, {}))
    new_job(items=items, guess=1e-6)
    with ledger.write() as session:
        chunk = session.get_one(Chunk, window.draw(session, settings, "cpu")[0].chunk)
        assert chunk.stop - chunk.start == first


def test_a_job_of_one_chunk_has_its_result_when_it_ends(ledger, drawn, take):
    claim = take(drawn)
    with ledger.write() as session:
        claims.succeed(session, claim, "a" * 64, 0.04)
        assert session.get_one(Job, claim.job).result == {"digest": "a" * 64}
