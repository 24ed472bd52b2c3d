"""What is kept for how long: results and inputs by days, idempotency keys by hours, and what a job says of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from api.app import create_app
from workers.blobs import Blobs
from workers.keys import LOCAL
from workers.ledger import jobs, reconcile, uses
from workers.ledger.accept import remembered
from workers.service import Service
from workers.tables import IdempotencyKey, Job

DAY, HOUR = 86400.0, 3600.0
GOOD = {"result", "npz", "manifest", "picture", "pictures", "overview"}


@pytest.fixture
def ended(ledger, new_job) -> Callable[..., str]:
    """Writes jobs that succeeded some seconds ago, with a result."""

    def make(seconds: float, result: str, **fields: Any) -> str:
        number = new_job(**fields)
        with ledger.write() as session:
            job = jobs.locked(session, number)
            job.cut, job.result = job.items, {"digest": result}
            uses.add(session, job.tenant, "result", number, result)
            jobs.end(session, job, "succeeded")
            job.finished -= seconds
        return number

    return make


@pytest.fixture
def sweep(ledger, settings) -> Callable[[], list[str]]:
    """Does what the reconciler does with what is past its time."""

    def swept() -> list[str]:
        with ledger.write() as session:
            return reconcile.outdated(session, settings)

    return swept


def entry(digest: str) -> dict[str, Any]:
    return {"input": {"digest": digest, "axis": 0}}


def removed(ledger, number: str) -> bool:
    with ledger.read() as session:
        return session.get_one(Job, number).removed is not None


def test_results_and_inputs_go_by_age_and_what_others_need_stays(ledger, settings, new_job, ended, sweep):
    age = settings.result_days * DAY
    old = ended(age + HOUR, "a" * 64, inputs=entry("1" * 64))
    shared = ended(age + HOUR, "b" * 64, inputs=entry("2" * 64))
    young = ended(age - HOUR, "b" * 64, inputs=entry("3" * 64))
    running = new_job(inputs=entry("2" * 64))
    assert sorted(sweep()) == ["1" * 64, "a" * 64]
    assert [removed(ledger, n) for n in (old, shared, young, running)] == [True, True, False, False]
    assert sweep() == []


def test_an_idempotency_key_is_forgotten_after_its_hours(ledger, settings, new_job, sweep):
    for key in ("old", "young"):
        new_job(key, "the request")
    age = settings.idempotency_hours * HOUR
    for key, seconds in (("old", age + 60), ("young", age - 60)):
        with ledger.write() as session:
            there = update(IdempotencyKey).where(IdempotencyKey.key == key)
            session.execute(there.values(created=IdempotencyKey.created - seconds))
    sweep()
    with ledger.read() as session:
        assert remembered(session, "default", "old") is None
        assert remembered(session, "default", "young") is not None


@pytest.fixture
def web(ledger, settings) -> Iterator[FlaskClient]:
    """The service's own answers on this ledger."""
    service = Service.open(settings)
    yield create_app(service, settings).test_client()
    service.close()


def test_a_job_says_until_when_its_result_is_kept_and_then_that_it_is_not(
    web, ledger, settings, ended, sweep
):
    number = ended(DAY, "a" * 64, tenant=LOCAL.tenant, model="m" * 64)
    here = f"/v1/jobs/{number}"
    told = web.get(here).json
    assert set(told["links"]) >= GOOD
    assert moment(told["kept_until"]) - moment(told["finished"]) == timedelta(days=settings.result_days)
    assert told["removed"] is None
    with ledger.write() as session:
        jobs.locked(session, number).finished -= settings.result_days * DAY
    sweep()
    told = web.get(here).json
    assert (told["state"], told["kept_until"]) == ("succeeded", None)
    assert moment(told["removed"]) > moment(told["finished"]) + timedelta(days=settings.result_days)
    assert set(told["links"]) == {"self", "events", "model"}
    assert web.get(f"{here}/result").status_code == 410
    assert [j["removed"] for j in web.get("/v1/jobs").json["jobs"]] == [told["removed"]]


class Vanishing(Blobs):
    """A store from which another process removes whatever was just found."""

    def path(self, digest: str) -> Path:
        path = super().path(digest)
        path.unlink()
        return path


def test_a_result_that_is_removed_while_it_is_opened_is_gone(web, settings, ended):
    blobs = Vanishing(settings.blobs)
    web.application.extensions["service"]._blobs = blobs
    number = ended(DAY, blobs.put_bytes(b"a result").digest, tenant=LOCAL.tenant)
    answer = web.get(f"/v1/jobs/{number}/result")
    assert (answer.status_code, answer.json["code"]) == (410, "gone")


def test_a_job_that_has_not_ended_says_nothing_of_it(web, new_job):
    told = web.get(f"/v1/jobs/{new_job(tenant=LOCAL.tenant)}").json
    assert (told["kept_until"], told["removed"]) == (None, None)


@pytest.mark.parametrize("method", ["permutation_importance", "partial_dependence"])
def test_what_is_asked_about_a_whole_data_set_links_no_picture_of_an_item(web, ended, method):
    links = web.get(f"/v1/jobs/{ended(0, 'a' * 64, tenant=LOCAL.tenant, method=method)}").json["links"]
    assert GOOD - set(links) == {"picture"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_result_that_a_new_job_takes_over_is_not_removed_meanwhile(ledger, ended, new_job):
    old = ended(5.0, "a" * 64, content="same")
    taken, freed = threading.Event(), []

    def remove() -> None:
        taken.wait(10)
        with ledger.write() as session:
            freed.extend(reconcile.remove_results(session, jobs.locked(session, old)))

    remover = threading.Thread(target=remove)
    remover.start()
    with ledger.write() as session:
        twin = jobs.twin(session, "default", "same")
        taken.set()
        # whoever removes is on his way now, and waits or not
        remover.join(1)
        uses.add(session, "default", "result", "new", twin.result["digest"])
    remover.join()
    assert freed == []
