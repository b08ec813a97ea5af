"""Migrations: up, down, and equal to the models, on both databases."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect, text

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


def test_rows_of_the_first_version_survive_the_way_up_and_down(empty_app):
    """Children of changed tables above all: SQLite would delete them with a copied table."""
    flask_migrate.upgrade(revision="0001")
    with db.engine.begin() as connection:
        for statement in SEEDED:
            connection.execute(text(statement))
    flask_migrate.upgrade()
    assert told("SELECT scope FROM suppressions ORDER BY id") == ["everything", "unasked"]
    assert len(set(told("SELECT public_id FROM suppressions"))) == 2
    assert told("SELECT priority FROM outbox") == [1]
    with db.engine.begin() as connection:  # one address, for two reasons more
        connection.execute(text(SEEDED_LATER))
    flask_migrate.downgrade(revision="0001")
    counts = [told(f"SELECT count(*) FROM {table}")[0] for table in ("contacts", "outbox")]
    assert counts == [1, 1]
    assert [
        bool(n) for n in told("SELECT reaches_transactional FROM suppressions ORDER BY id")
    ] == [
        True,
        False,
    ]


def told(statement: str) -> list[object]:
    with db.engine.connect() as connection:
        return list(connection.scalars(text(statement)))


NOW = "'2026-11-25 09:00:00+00:00'"
SEEDED = (
    "INSERT INTO clients (id, public_id, name, name_key, client_group, service, notes, is_sample,"
    f" created_at) VALUES (1, 'c', 'Ría', 'ría', '', '', '', false, {NOW})",
    "INSERT INTO contacts (id, public_id, client_id, name, email, email_key, language, phone,"
    " keep_in_touch, newsletter, greetings, check_ins, basis, source, created_at) VALUES"
    f" (1, 'p', 1, 'Ana', 'a@b.example', 'a@b.example', 'es', '', true, true, true, true,"
    f" 'contract', '', {NOW})",
    "INSERT INTO outbox (id, public_id, key, kind, language, contact_id, context, due_at, state,"
    " attempts, doubts, server_words, created_at) VALUES"
    f" (1, 'm', 'k', 'thank_you', 'es', 1, '{{}}', {NOW}, 'queued', 0, 0, '', {NOW})",
    "INSERT INTO suppressions (id, address_hash, reason, reaches_transactional, detail, created_at)"
    f" VALUES (1, 'x', 'hard_bounce', true, '', {NOW}), (2, 'y', 'unsubscribed', false, '', {NOW})",
)
SEEDED_LATER = (
    "INSERT INTO suppressions (id, public_id, address_hash, scope, reason, source, detail,"
    f" created_at) VALUES (3, 'r', 'x', 'everything', 'complaint', '', '', {NOW}),"
    f" (4, 's', 'y', 'newsletter', 'unsubscribed', '', '', {NOW})"
)
