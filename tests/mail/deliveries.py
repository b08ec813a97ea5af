"""What the tests of delivery share: rows to send, and the app pointed at a scripted server."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import current_app

from service import database
from service.clock import now
from service.extensions import db
from service.mail import outbox
from service.mail.delivery import delivery, leases
from service.models import MailKind, MailState, OutboxMessage
from tests.builders import a_contact, a_departure, a_member
from tests.mail.scripted_server import ScriptedServer, scripted


def a_mail(kind: MailKind = MailKind.thank_you, **more) -> OutboxMessage:
    """A row of the outbox, due, committed."""
    departure = more.pop("departure", None) or a_departure(
        contact=more.pop("contact", None) or a_contact(), responsible=a_member()
    )
    values = {
        "subject": f"departure:{departure.id}",
        "departure": departure,
        "due_at": now() - timedelta(seconds=1),
        **more,
    }
    row = outbox.write(kind, values.pop("to", departure.contact), **values)
    db.session.commit()
    return row


def mails(count: int, **more) -> list[int]:
    """The ids of so many rows, to one contact each."""
    ids = [a_mail(**more).id for _ in range(count)]
    db.session.commit()  # reading an id began a transaction, and SQLite lets nobody else write
    return ids


def fresh(row_or_id) -> OutboxMessage:
    """The row as the database has it now."""
    row_id = row_or_id if isinstance(row_or_id, int) else row_or_id.id
    return db.session.get_one(OutboxMessage, row_id, populate_existing=True)


def state_of(row_or_id) -> MailState:
    """What we did with the mail so far."""
    return fresh(row_or_id).state


def deliver(*rows) -> list[int]:
    """Deliver these rows, or the rows of these ids, as a worker would."""
    return delivery.deliver([row if isinstance(row, int) else row.id for row in rows])


@contextmanager
def a_sender_that_dies(*ids: int) -> Iterator[leases.Leases]:
    """The leases of a sender that never gives these rows back."""
    with database.statement_by_statement(db.engine) as connection:
        theirs = leases.Leases(connection)
        theirs.take(len(ids), ids)
        yield theirs


@contextmanager
def speaking_to(**replies) -> Iterator[ScriptedServer]:
    """Point the app of the test at a scripted server."""
    state = current_app.extensions["mail"]
    before = state.port, state.timeout
    with scripted(**replies) as server:
        state.port, state.timeout = server.port, 0.4
        try:
            yield server
        finally:
            state.port, state.timeout = before
