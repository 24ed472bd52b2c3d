"""Runs the migrations on the connection that the ledger hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from workers.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
