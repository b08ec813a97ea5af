"""Migration 0009 on newsletters that were there before: nothing of theirs is counted."""

import flask_migrate
from sqlalchemy import text

from service.extensions import db
from tests.test_migrations import NOW, empty_app, told

__all__ = ["empty_app"]

SEEDED = (
    "INSERT INTO newsletters (id, public_id, name, texts, audience, is_public, state, version,"
    f" created_at, updated_at) VALUES (1, 'n', 'Primavera', '{{}}', '{{}}', true, 'ended', 1,"
    f" {NOW}, {NOW})",
    "INSERT INTO newsletter_issues (id, public_id, newsletter_id, number, due_at, state, texts,"
    f" audience, written_to) VALUES (1, 'i', 1, 1, {NOW}, 'sent', '{{}}', '{{}}', 0)",
)
A_LINK = "INSERT INTO newsletter_links VALUES (1, 1, 'https://a.example/', 3)"


def test_newsletters_and_issues_survive_the_way_up_and_down_and_count_nothing(empty_app):
    flask_migrate.upgrade(revision="0008")
    run(*SEEDED)
    flask_migrate.upgrade(revision="0009")
    for table in ("newsletters", "newsletter_issues"):
        assert [bool(said) for said in told(f"SELECT counts_links FROM {table}")] == [False]
    run(A_LINK)
    flask_migrate.downgrade(revision="0008")
    assert told("SELECT name FROM newsletters") == ["Primavera"]
    assert told("SELECT public_id FROM newsletter_issues") == ["i"]
    flask_migrate.upgrade(revision="0009")
    assert told("SELECT count(*) FROM newsletter_links") == [0]


def run(*statements: str) -> None:
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
