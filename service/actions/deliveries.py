"""Mails that did not go, or of which nobody knows: a person decides. Flushes, never commits."""

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import update

from service.actions.events import tell
from service.clock import now
from service.errors import Conflict
from service.extensions import db
from service.mail import outbox
from service.models import EventKind, MailState, OutboxMessage, Provider

RETRIABLE = (MailState.failed, MailState.uncertain)


def send_again(mail: OutboxMessage, by: Provider) -> None:
    """Send a failed or uncertain mail once more, with the same Message-ID, from the start.

    Raises Conflict when somebody else has decided already.
    """
    _decide(
        mail,
        RETRIABLE,
        state=MailState.queued,
        due_at=now(),
        expires_at=None,
        ended_at=None,
        outcome=None,
        attempts=0,
        doubts=0,
        lease_owner=None,
        lease_until=None,
        handing_over_at=None,
    )
    outbox.hint_at(mail)
    _tell(mail, by)


def say_it_arrived(mail: OutboxMessage, by: Provider) -> None:
    """Close an uncertain mail as sent: the contact has it. Raises Conflict when it is not open."""
    _decide(mail, (MailState.uncertain,), state=MailState.sent)
    _tell(mail, by)


def give_up(mail: OutboxMessage, by: Provider) -> None:
    """Close a failed or uncertain mail as not to be sent. Raises Conflict when it is not open."""
    _decide(mail, RETRIABLE, state=MailState.cancelled, ended_at=now())
    _tell(mail, by)


def _decide(mail: OutboxMessage, among: tuple[MailState, ...], **changes: Any) -> None:
    changed = db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id == mail.id, OutboxMessage.state.in_(among))
        .values(**changes)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise Conflict(_("Somebody of your team was faster: this mail is already looked after."))
    db.session.refresh(mail)


def _tell(mail: OutboxMessage, by: Provider) -> None:
    if mail.departure is not None:
        tell(mail.departure, EventKind.mail_resolved, by, mail.step or mail.kind)
    db.session.flush()
