"""The ledger's schema: brought to its newest form by the migrations, one process at a time."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from .database import Database

MIGRATIONS = Path(__file__).parents[1] / "migrations"
PG_LOCK = 0x6F6E6E78


def upgrade(database: Database) -> None:
    """Apply the migrations that the ledger lacks, if any."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.read() as session:
        if current(session.connection()) == ScriptDirectory.from_config(config).get_current_head():
            return
    with database.write() as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": PG_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def current(connection: Connection) -> str | None:
    """Return the revision that the ledger is at."""
    return MigrationContext.configure(connection).get_current_revision()
