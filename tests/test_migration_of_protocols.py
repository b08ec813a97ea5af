"""Migration 0003 on rows from before: who was on the fixed protocol follows the default."""

import flask_migrate

from service.clock import now
from service.extensions import db
from service.models import Protocol, ProtocolVersion
from tests.test_migration_of_bases import CLIENT, CONTACT, DEPARTURE, SECOND
from tests.test_migrations import NOW, empty_app, told
from tests.test_migrations_of_returns import run

__all__ = ["empty_app"]  # a fixture
ENROLMENT = (
    "INSERT INTO enrolments (id, departure_id, state, enrolled_at, next_at) VALUES"
    f" (7, 1, 'active', {NOW}, {NOW})"
)


def test_who_was_on_the_fixed_protocol_follows_the_default_one(empty_app):
    flask_migrate.upgrade(revision="0002")
    for statement in (CLIENT, CONTACT, *SECOND, DEPARTURE, ENROLMENT):
        run(statement)
    flask_migrate.upgrade()

    names = "SELECT built_in FROM protocols ORDER BY position"
    assert told(names) == ["default", "short", "project_finished"]
    default = "SELECT protocols.built_in FROM enrolments JOIN protocols ON protocols.id"
    assert told(f"{default} = enrolments.protocol_id WHERE is_default") == ["default"]
    db.session.add(Protocol(name="Otro", steps=()))  # its id is a new one on both databases
    db.session.add(ProtocolVersion(protocol_id=4, number=1, steps=(), created_at=now()))
    db.session.commit()
    assert told("SELECT id FROM protocols WHERE name = 'Otro'") == [4]

    flask_migrate.downgrade(revision="0002")
    assert told("SELECT id FROM enrolments") == [7]
