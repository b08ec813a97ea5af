"""Rows of the outbox by the dozen or the million, in any state, for tests that count and list."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import insert, select, text

from service.clock import now
from service.extensions import db
from service.models import Breaker, Contact, MailKind, MailState, OutboxMessage, Outcome
from service.tokens import new_public_id
from tests.builders import a_contact, added

_numbers = count(1)


def ago(**distance: float) -> datetime:
    """The moment so long ago."""
    return now() - timedelta(**distance)


def some_mails(many: int, state: MailState, **more: Any) -> None:
    """Add so many thank-yous to one contact; those that ended did so a minute ago."""
    contact: Contact | None = more.pop("contact", None) or a_contact()
    is_over = state not in (MailState.queued, MailState.sending)
    values = {
        "kind": MailKind.thank_you,
        "language": "es",
        "contact_id": contact.id,
        "due_at": ago(minutes=1),
        "state": state,
        "ended_at": ago(minutes=1) if is_over else None,
        **more,
    }
    rows = [
        {"key": f"row {next(_numbers)}", "public_id": new_public_id(), **values}
        for _number in range(many)
    ]
    if rows:
        db.session.execute(insert(OutboxMessage), rows)


def a_row(state: MailState, **more: Any) -> OutboxMessage:
    """Add one and return it."""
    some_mails(1, state, **more)
    newest = select(OutboxMessage).order_by(OutboxMessage.id.desc()).limit(1)
    return db.session.scalars(newest).one()


def a_failing_server(since: datetime, words: str = "Connection refused") -> Breaker:
    """Say that the mail server could not be reached since then, and was tried just now."""
    return added(
        Breaker(
            name="smtp",
            failures=3,
            opened_at=since,
            open_until=now() + timedelta(minutes=1),
            server_words=words,
        )
    )


def a_month_of_mails() -> None:
    """Add what a month leaves behind, so that a planner has something to choose between."""
    contact = a_contact()
    for day in range(30):
        then = {"contact": contact, "ended_at": ago(days=day, minutes=5)}
        some_mails(80, MailState.sent, **then)
        some_mails(5, MailState.skipped, **then)
        some_mails(2, MailState.failed, **then)
        bounced = {"outcome": Outcome.hard_bounced, "outcome_at": ago(days=day)}
        some_mails(2, MailState.sent, **then, **bounced)
        some_mails(5, MailState.queued, contact=contact, due_at=now() + timedelta(days=day))
    if db.engine.name == "postgresql":
        db.session.execute(text("ANALYZE outbox"))
