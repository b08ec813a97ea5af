"""Migration 0006 on rows that were there before: what is known of each contact is carried over."""

import flask_migrate
from sqlalchemy import text

from service.extensions import db
from tests.test_migrations import NOW, SEEDED, empty_app

__all__ = ["empty_app"]

EARLIER, LATER = "'2026-03-01 10:00:00+00:00'", "'2026-06-01 10:00:00+00:00'"
CLIENT, CONTACT, *_ = SEEDED
SECOND = (
    CLIENT.replace("(1, 'c', 'Ría', 'ría'", "(2, 'd', 'Mar', 'mar'"),
    CONTACT.replace("(1, 'p', 1, 'Ana', 'a@b.example', 'a@b.example'", "(2, 'q', 2, 'L', 'l', 'l'"),
)
DEPARTURE = (
    "INSERT INTO departures (id, public_id, client_id, contact_id, service, stage, notice_on,"
    " end_on, notes, is_history, source, recorded_at) VALUES"
    f" (1, 'd', 1, 1, '', 'closed', '2026-01-10', '2026-02-28', '', false, 'page', {NOW}),"
    f" (2, 'e', 2, 2, '', 'returned', '2025-01-10', '2025-02-28', '', false, 'page', {NOW})"
)
EVENTS = (
    "INSERT INTO events (id, departure_id, at, kind, is_by_contact, detail) VALUES"
    f" (1, 1, {EARLIER}, 'answer_sent', true, ''), (2, 1, {LATER}, 'auto_replied', true, '')"
)
CONSENTS = (
    "INSERT INTO consents (id, contact_id, purpose, is_granted, wording, wording_version,"
    " language, channel, given_at) VALUES"
    f" (1, 1, 'keep_in_touch', true, 'Sí', '1', 'es', 'survey page', {EARLIER}),"
    f" (2, 1, 'check_ins', false, 'No', '1', 'es', 'preferences page', {LATER}),"
    f" (3, 2, 'newsletter', true, 'Sí', '1', 'es', 'preferences page', {EARLIER})"
)


def told(statement: str) -> list[tuple[object, ...]]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_what_is_known_of_each_contact_is_carried_over_and_survives_the_way_back(empty_app):
    flask_migrate.upgrade(revision="0002")
    with db.engine.begin() as connection:
        for statement in (CLIENT, CONTACT, *SECOND, DEPARTURE, EVENTS, CONSENTS):
            connection.execute(text(statement))
    flask_migrate.upgrade()

    assert [
        tuple(map(str, row))
        for row in told(
            "SELECT basis, left_on, substr(CAST(interacted_at AS text), 1, 10)"
            " FROM contacts ORDER BY id"
        )
    ] == [("legitimate_interest", "2026-02-28", "2026-03-01"), ("contract", "None", "None")]
    assert told(
        "SELECT newsletter_consent_at IS NOT NULL, greetings_consent_at IS NOT NULL,"
        " check_ins_consent_at IS NOT NULL FROM contacts"
        " ORDER BY id"
    ) == [(False, True, False), (True, False, False)]
    assert told("SELECT count(*) FROM consents WHERE recorded_at = given_at") == [(3,)]
    assert told("SELECT count(*) FROM consents WHERE provider_id IS NULL") == [(3,)]

    flask_migrate.downgrade(revision="0002")
    for table, count in (("contacts", 2), ("consents", 3), ("departures", 2), ("events", 2)):
        assert told(f"SELECT count(*) FROM {table}") == [(count,)]
    flask_migrate.upgrade()
    assert told("SELECT count(*) FROM contacts WHERE left_on IS NOT NULL") == [(1,)]
