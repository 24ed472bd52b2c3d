"""One slot of a worker where the service itself fails: the fault is named as its own, never as the model's."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from workers.blobs import open_blobs
from workers.ledger import counters, jobs, window
from workers.supervisor import Supervisor
from workers.tables import Job


@pytest.fixture
def supervisor(settings, ledger) -> Iterator[Supervisor]:
    found = Supervisor(settings, "w")
    yield found
    found.close()


def test_a_fault_of_the_worker_is_not_the_models(supervisor, settings, ledger, new_job, caplog):
    # what the store holds is no .npy file any more: reading it raises ValueError
    rotten = open_blobs(settings.blobs, None).put(lambda file: file.write(b"rotten")).digest
    job = new_job(items=1, total=1, inputs={"input": {"digest": rotten, "axis": 0, "dtype": "<f4"}})
    with ledger.write() as session:
        chunk = window.draw(session, settings, "cpu")[0].chunk
    with caplog.at_level(logging.ERROR):
        for _ in range(settings.max_attempts):
            supervisor.explain(chunk)
    with ledger.read() as session:
        record = jobs.record(session.get_one(Job, job))
        counted = counters.read(session)
    assert (record.state, record.dead_letter, record.error["code"]) == ("failed", True, "service-failed")
    assert job in record.error["detail"]
    assert "ask its operator" in record.error["detail"]
    assert "model brings" not in record.error["detail"]
    assert counted["attempts"] == {"service-failed": settings.max_attempts}
    assert "sandbox_kills" not in counted
    told = [r for r in caplog.records if r.exc_info and job in r.getMessage()]
    assert len(told) == settings.max_attempts
