"""A ledger of the first version, with rows in every table, is brought to the newest and loses nothing."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import JSON, Column, MetaData, Table, select, text
from sqlalchemy.orm import Session

from workers import tables as ledger
from workers.errors import Conflict
from workers.ledger import jobs, schema
from workers.ledger.database import Database
from workers.tables import Dataset, Job, Worker

FIRST = "0001"
SPECIAL = {("jobs", "level"): 6, ("jobs", "state"): "succeeded"}
PLAIN: dict[type, Any] = {int: 7, float: 7.5, bool: True, bytes: b"seven"}


@pytest.fixture
def old(settings) -> Database:
    """A ledger as the first version left it."""
    database = Database(settings.ledger_url)
    with database.write() as session:
        config = schema._config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, FIRST)
    yield database
    database.close()


def tables(session: Session) -> dict[str, Table]:
    found = MetaData()
    found.reflect(session.connection())
    return {name: table for name, table in found.tables.items() if name != "alembic_version"}


def value(table: str, column: Column[Any]) -> Any:
    if (table, column.name) in SPECIAL:
        return SPECIAL[table, column.name]
    if isinstance(column.type, JSON):
        return {"of": column.name}
    kind = column.type.python_type
    return PLAIN[kind] if kind in PLAIN else column.name[: getattr(column.type, "length", None)]


def rows(session: Session, columns: dict[str, list[str]]) -> dict[str, list[tuple[Any, ...]]]:
    now = tables(session)
    return {
        name: [tuple(row) for row in session.execute(select(*(now[name].c[c] for c in listed)))]
        for name, listed in columns.items()
    }


def test_rows_of_the_first_version_survive_every_migration(old):
    with old.write() as session:
        first = tables(session)
        for name, table in first.items():
            session.execute(table.insert().values({c.name: value(name, c) for c in table.c}))
    columns = {name: [c.name for c in table.c] for name, table in first.items()}
    with old.read() as session:
        before = rows(session, columns)
    assert {name: len(found) for name, found in before.items()} == dict.fromkeys(first, 1)
    schema.upgrade(old)
    with old.read() as session:
        assert schema.current(session.connection()) == schema.newest() != FIRST
        assert rows(session, columns) == before
        assert compare_metadata(MigrationContext.configure(session.connection()), ledger.Table.metadata) == []


def test_what_came_later_has_a_value_in_old_rows(old):
    with old.write() as session:
        for name, table in tables(session).items():
            session.execute(table.insert().values({c.name: value(name, c) for c in table.c}))
    schema.upgrade(old)
    with old.read() as session:
        job = session.scalars(select(Job)).one()
        assert (job.evaluations, job.data, job.trace) == (0, {}, None)
        assert jobs.record(job).state == "succeeded"
        worker = session.scalars(select(Worker)).one()
        assert (worker.open_walls, worker.gpus) == (None, None)
        assert session.scalars(select(Dataset)).one().size == 0


def test_a_ledger_that_a_newer_version_made_is_refused_in_words(old):
    schema.upgrade(old)
    with old.write() as session:
        session.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(Conflict, match="9999, which a newer onnxplain made"):
        schema.upgrade(old)


def test_a_ledger_that_is_up_to_date_is_left_alone(old):
    for _ in range(2):
        schema.upgrade(old)
        with old.read() as session:
            assert schema.current(session.connection()) == schema.newest()
