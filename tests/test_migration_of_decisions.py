"""Migration 0013 on mails that were there before: they keep everything and have no decision."""

import flask_migrate

from service.extensions import db
from service.models import OutboxMessage
from tests.test_migration_of_clicks import run
from tests.test_migrations import SEEDED, empty_app, told

__all__ = ["empty_app"]

CLIENT, CONTACT, MAIL, _SUPPRESSIONS = SEEDED


def test_mails_survive_the_way_up_and_down_and_have_no_decision_until_one_is_made(empty_app):
    flask_migrate.upgrade(revision="0001")
    run(CLIENT, CONTACT, MAIL)
    flask_migrate.upgrade(revision="0013")
    assert told("SELECT decision FROM outbox") == [None]
    mail = db.session.get_one(OutboxMessage, 1)
    mail.decision = {"about": "departure:1"}
    db.session.commit()
    db.session.remove()
    flask_migrate.downgrade(revision="0012")
    assert told("SELECT public_id FROM outbox") == ["m"]
    flask_migrate.upgrade(revision="0013")
    assert told("SELECT decision FROM outbox") == [None]
