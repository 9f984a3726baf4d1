"""What Alembic runs: the migrations on a connection that `service.outcomes.command` hands in."""

from __future__ import annotations

from alembic import context

from service.outcomes.store import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
