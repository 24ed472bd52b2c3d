"""The ledger's schema: brought to its newest form by the migrations, one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from workers.errors import Conflict
from workers.settings import Settings

from .database import Database

MIGRATIONS = Path(__file__).parents[1] / "migrations"
PG_LOCK = 0x6F6E6E78


@contextmanager
def ledger(settings: Settings) -> Iterator[Database]:
    """Open the ledger that the settings name, brought to its newest form."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    # this process may fork or start others while it is open
    database = Database(settings.ledger_url, forks=True)
    try:
        upgrade(database)
        yield database
    finally:
        database.close()


def upgrade(database: Database) -> None:
    """Apply the migrations that the ledger lacks, if any."""
    config = _config()
    with database.read() as session:
        found = current(session.connection())
    if found == newest():
        return
    if found not in {None, *(s.revision for s in ScriptDirectory.from_config(config).walk_revisions())}:
        raise Conflict(
            f"the ledger has schema {found}, which a newer onnxplain made; this one knows up to {newest()}: run that "
            "version again, or restore a backup from before"
        )
    with database.write() as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": PG_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def newest() -> str | None:
    """Return the revision that this version wants."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def current(connection: Connection) -> str | None:
    """Return the revision that the ledger is at."""
    return MigrationContext.configure(connection).get_current_revision()
