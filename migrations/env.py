"""Run by Alembic through Flask-Migrate: where the database is, and how to compare it."""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from service.models.types import UtcDateTime

migrate = current_app.extensions["migrate"]
metadata = migrate.db.metadata


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Write our own column types as the plain ones they are in the database."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def leave_out_empty(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Write no migration when nothing has changed."""
    if (
        getattr(context.config.cmd_opts, "autogenerate", False)
        and directives[0].upgrade_ops.is_empty()
    ):
        directives[:] = []


def run(connection: Connection) -> None:
    """Migrate over `connection`; Flask-Migrate has SQLite copy the tables that it cannot alter."""
    arguments = {"process_revision_directives": leave_out_empty, **migrate.configure_args}
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=render_item,
        **arguments,
    )
    with context.begin_transaction():
        context.run_migrations()


with migrate.db.engine.connect() as connection:
    run(connection)
