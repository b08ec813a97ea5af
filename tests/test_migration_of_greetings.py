"""Migration 0007 on rows that were there before: the day of each start is filled in."""

import flask_migrate
from sqlalchemy import text

from service.extensions import db
from tests.test_migrations import SEEDED, empty_app, told

__all__ = ["empty_app"]

CLIENT, CONTACT, *_ = SEEDED


def test_the_day_of_each_start_is_known_and_survives_the_way_back(empty_app):
    flask_migrate.upgrade(revision="0002")
    with db.engine.begin() as connection:
        for statement in (CLIENT, CONTACT):
            connection.execute(text(statement))
        connection.execute(text("UPDATE clients SET started_on = '2024-02-29'"))
        connection.execute(text(CLIENT.replace("(1, 'c', 'Ría', 'ría'", "(2, 'd', 'Mar', 'mar'")))
    flask_migrate.upgrade()
    assert told("SELECT started_day FROM clients ORDER BY id") == ["02-29", None]
    assert told("SELECT birthday FROM contacts") == [None]
    flask_migrate.downgrade(revision="0002")
    assert told("SELECT count(*) FROM clients") == [2]
    assert told("SELECT count(*) FROM contacts") == [1]
    flask_migrate.upgrade()
    assert told("SELECT started_day FROM clients ORDER BY id") == ["02-29", None]
