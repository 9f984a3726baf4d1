"""Codes of languages of three letters: the vocabulary may name those that have no shorter one, such as Inari Sámi."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Widen the column; SQLite keeps texts of any length as it is."""
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column(
            "cells", "language", existing_type=sa.String(2), type_=sa.String(3), existing_nullable=False
        )


def downgrade() -> None:
    """Leave the column wide, since a count may name a code that a narrower one could not hold."""
