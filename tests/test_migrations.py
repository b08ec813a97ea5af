"""Migrations: up, down, and equal to the models, on both databases."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect

from service.app import create_app
from service.config import Settings
from service.extensions import db


@pytest.fixture
def empty_app(
    database: str, settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Flask]:
    """An app on a database without a single table."""
    if database == "sqlite":
        url = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    else:
        url = request.getfixturevalue("postgres_server").new_database(f"empty_{tmp_path.name}")
    app = create_app(replace(settings, database_url=url))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


def test_the_newest_migration_makes_exactly_the_tables_of_the_models(empty_app):
    flask_migrate.upgrade()
    assert tables() == {table.name for table in db.metadata.sorted_tables}
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


def test_migrations_can_be_taken_back_and_made_again(empty_app):
    flask_migrate.upgrade()
    flask_migrate.downgrade(revision="base")
    assert tables() == set()
    flask_migrate.upgrade()
    assert "outbox" in tables()
