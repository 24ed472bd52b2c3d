from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from workers.ledger import accept
from workers.ledger.database import Database
from workers.ledger.schema import upgrade
from workers.ledger.times import new_id
from workers.settings import Settings
from workers.tables import Job


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, tmp_path) -> Settings:
    """Settings of a ledger of its own; every test that asks for them runs on both databases."""
    url = request.getfixturevalue("postgresql").database() if request.param == "postgresql" else None
    return Settings(data=tmp_path, database_url=url, slots=1, max_attempts=3, split_attempts=2)


@pytest.fixture
def ledger(settings) -> Iterator[Database]:
    """A ledger of its own, brought up by the migrations."""
    database = Database(settings.ledger_url)
    upgrade(database)
    yield database
    database.close()


@pytest.fixture
def new_job(ledger) -> Callable[..., str]:
    """Writes jobs straight to the ledger."""

    def make(key: str | None = None, request: str = "", **fields: Any) -> str:
        number = new_id()
        known = {
            "id": number, "tenant": "default", "model": "m", "card": {}, "method": "gradient", "params": {}, "target": {},
            "seed": 0, "queue": "cpu", "level": 6, "inputs": {}, "items": 4, "cut": 0, "cuttable": True,
            "item_bytes": 16, "guess": 0.1, "work": "w", "content": number, "state": "queued", "done_items": 0, "done": 0,
            "total": 4, "unit": "items", "progressed": 0.0, "attempt": 0, "dead": False, "cached": False,
        }  # fmt: skip
        with ledger.write() as session:
            accept.accept(session, Job(**known | fields), key, request, cache=True)
        return number

    return make
