"""Receipts, marks, cells, weeks and sums: outcomes as counts."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None
branch_labels: Final = None
depends_on: Final = None
_NUMBER: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_COUNTERS: Final = (
    "shown", "opened", "completed", "dismissed", "helpful", "not_helpful", "grades", "grade_sum",
)  # fmt: skip


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "receipts",
        sa.Column("client", sa.String(12), nullable=False),
        sa.Column("event_id", sa.LargeBinary(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("client", "event_id", name="pk_receipts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_receipts_day", "receipts", ["day"])
    op.create_table(
        "marks",
        sa.Column("mark", sa.LargeBinary(16), nullable=False),
        sa.Column("until", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_marks"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_marks_until", "marks", ["until"])
    op.create_table(
        "cells",
        sa.Column("id", _NUMBER, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.String(100), nullable=False) for name in ("rule", "content", "channel")),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("variant", sa.String(100), nullable=False),
        sa.Column("propensity", sa.Integer, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False, server_default="0") for name in _COUNTERS),
        sa.PrimaryKeyConstraint("id", name="pk_cells"),
    )
    op.create_index("ix_cells_day", "cells", ["day"])
    op.create_table(
        "weeks",
        sa.Column("week", sa.Date, nullable=False),
        sa.Column("cell", _NUMBER, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in _COUNTERS),
        sa.PrimaryKeyConstraint("week", "cell", name="pk_weeks"),
        sa.ForeignKeyConstraint(["cell"], ["cells.id"], name="fk_weeks_cells"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sums",
        sa.Column("dimension", sa.String(8), nullable=False),
        sa.Column("week", sa.Date, nullable=False),
        sa.Column("value", sa.String(100), nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in _COUNTERS),
        sa.PrimaryKeyConstraint("dimension", "week", "value", name="pk_sums"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the tables, and every outcome with them."""
    for name in ("sums", "weeks", "cells", "marks", "receipts"):
        op.drop_table(name)
