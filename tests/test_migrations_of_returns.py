"""The way to conversations: who had asked to talk is not forgotten, and nothing else is touched."""

from datetime import UTC, datetime, timedelta

import flask_migrate
from sqlalchemy import text

from service.extensions import db
from tests.test_migrations import SEEDED, empty_app, told

__all__ = ["empty_app"]  # a fixture
BEFORE = "0002"


def run(statement: str, **values: object) -> None:
    with db.engine.begin() as connection:
        connection.execute(text(statement), values)


def test_who_asked_to_talk_lately_still_waits_and_the_way_down_keeps_the_rest(empty_app):
    flask_migrate.upgrade(revision="0001")
    for statement in SEEDED:
        run(statement)
    flask_migrate.upgrade(revision=BEFORE)
    for days, name in ((1, "lately"), (40, "long ago")):
        run(
            "INSERT INTO contacts (id, public_id, client_id, name, email, email_key, language,"
            " phone, keep_in_touch, newsletter, greetings, check_ins, basis, source, created_at,"
            " wants_to_talk_at) VALUES (:id, :name, 1, 'Eva', :name, :name, 'es', '', true, true,"
            " true, true, 'contract', '', :at, :at)",
            id=days + 1,
            name=name,
            at=datetime.now(UTC) - timedelta(days=days),
        )
    run(
        "INSERT INTO providers (id, public_id, email, name, role, session_version, is_active,"
        " created_at) VALUES (1, 'p', 'm@n.example', 'Marta', 'owner', 1, true, :at)",
        at=datetime.now(UTC),
    )
    flask_migrate.upgrade()
    assert told("SELECT contact_id FROM conversations WHERE state = 'open'") == [2]
    assert [bool(it) for it in told("SELECT calendar_is_teams FROM providers")] == [False]
    flask_migrate.downgrade(revision=BEFORE)
    counts = [told(f"SELECT count(*) FROM {table}")[0] for table in ("contacts", "providers")]
    assert counts == [3, 1]
    flask_migrate.upgrade()
    assert told("SELECT count(*) FROM returns") == [0]
