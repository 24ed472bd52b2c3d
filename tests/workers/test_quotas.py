"""Quotas that nobody gets around: by asking twice at once, in two priorities, or by forgetting what jobs keep."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from workers.errors import Conflict, QuotaExceeded
from workers.ledger import jobs, quotas, reconcile, window
from workers.tables import Model

DIGEST = "d" * 64


@pytest.fixture
def counted(settings):
    """Settings of a service that counts bytes."""
    return settings.model_copy(update={"quota_bytes": 100})


def model(session, id: str, size: int) -> None:
    session.add(Model(tenant="t", id=id, size=size, card={}, description={}, created=0.0))
    session.flush()


def test_two_uploads_at_once_do_not_both_take_the_last_bytes(ledger, counted):
    kept, come = threading.Event(), threading.Event()
    taken: list[str] = []

    def first() -> None:
        with ledger.write() as session:
            model(session, "a", 60)
            quotas.room(session, counted, "t", 0)
            kept.set()
            # the other is on its way now, and waits or not
            come.wait(1)
        taken.append("a")

    def second() -> None:
        kept.wait(10)
        with suppress(QuotaExceeded), ledger.write() as session:
            model(session, "b", 60)
            quotas.room(session, counted, "t", 0)
            taken.append("b")
        come.set()

    threads = [threading.Thread(target=deed) for deed in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == ["a"]


@pytest.mark.parametrize(
    "fields", [{"dataset": DIGEST}, {"data": {DIGEST: {}}}, {"params": {"decoder": DIGEST}}], ids=str
)
def test_what_jobs_keep_is_not_forgotten_where_bytes_count(
    ledger, settings, counted, new_job: Callable[..., str], fields: dict[str, Any]
):
    job = new_job(**fields)
    with ledger.write() as session:
        with pytest.raises(Conflict, match="1 jobs keep"):
            quotas.check_freed(session, counted, "default", DIGEST)
        # nobody else's jobs, and nothing where bytes are not counted
        quotas.check_freed(session, counted, "other", DIGEST)
        quotas.check_freed(session, settings, "default", DIGEST)
        jobs.cancel(session, jobs.locked(session, job))
        reconcile.remove_results(session, jobs.locked(session, job))
        quotas.check_freed(session, counted, "default", DIGEST)


def test_urgent_and_other_parts_count_together(ledger, settings, new_job):
    held = settings.model_copy(update={"slots": 4, "quota_running": 3})
    for level in (0, 6):
        new_job(items=1000, guess=100.0, level=level)
    with ledger.write() as session:
        assert [t.level for t in window.draw(session, held, "cpu")] == [0, 0, 0]
    new_job(items=1000, guess=100.0, tenant="another")
    with ledger.write() as session:
        assert len(window.draw(session, held, "cpu")) == 3
