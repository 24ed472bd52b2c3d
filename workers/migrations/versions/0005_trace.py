"""The span in which a job was accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("trace", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "trace")
