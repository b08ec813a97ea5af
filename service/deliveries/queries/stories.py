"""The story of one mail: what happened to it in order, and what is to come. Reads only."""

from collections.abc import Sequence
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import select

from service.departures.queries.timeline import Item
from service.extensions import db
from service.labels import label
from service.models import (
    InboundKind,
    InboundMail,
    MailState,
    OutboxMessage,
    Outcome,
)
from service.protocols.queries.reasons import in_doubt, server_said, why_in_short

GOOD = (Outcome.delivered, InboundKind.delivered)
QUIET = (InboundKind.auto_reply, InboundKind.reply)


def story(mail: OutboxMessage, at: datetime) -> list[Item]:
    """Return what happened to `mail` in order, and then what is to come, as of `at`."""
    past = _tried(mail)
    if mail.ended_at is not None:
        past.append(_ended(mail, mail.ended_at))
    came_in = _came_in(mail)
    past += [_told(inbound) for inbound in came_in]
    if mail.outcome is not None and mail.outcome_at is not None and not came_in:
        past.append(_came_of_it(mail, mail.outcome, mail.outcome_at))
    past.sort(key=lambda item: item.at or at)
    written = Item(mail.created_at, "mail", _("Written down"))
    return [written, *past, *_to_come(mail, at)]


def _tried(mail: OutboxMessage) -> list[Item]:
    """Tell the handing over, of which the row keeps the last; it began at that moment."""
    if mail.handing_over_at is None:
        return []
    return [Item(mail.handing_over_at, "mail", _("Handed over to the mail server"))]


def _ended(mail: OutboxMessage, at: datetime) -> Item:
    if mail.state is MailState.uncertain:
        words = f"{in_doubt()}\n{server_said(mail)}".strip()
        return Item(at, "mail", _("Nobody knows whether it was taken"), words, "late")
    if mail.state is MailState.skipped:
        return Item(at, "mail", _("Not sent"), why_in_short(mail))
    endings = {
        MailState.sent: (_("The mail server took it"), "good"),
        MailState.failed: (_("It could not be sent"), "late"),
    }
    what, tone = endings.get(mail.state, (_("Stopped by hand"), ""))
    return Item(at, "mail", what, server_said(mail), tone)


def _came_of_it(mail: OutboxMessage, outcome: Outcome, at: datetime) -> Item:
    tone = "good" if outcome in GOOD else "late"
    return Item(at, "answer", label(outcome), mail.outcome_words, tone)


def _came_in(mail: OutboxMessage) -> Sequence[InboundMail]:
    query = select(InboundMail).where(InboundMail.outbox_id == mail.id)
    return db.session.scalars(query.order_by(InboundMail.received_at, InboundMail.id)).all()


def _told(inbound: InboundMail) -> Item:
    tone = "good" if inbound.kind in GOOD else "" if inbound.kind in QUIET else "late"
    words = [inbound.status_code, inbound.subject, inbound.excerpt]
    why = "\n".join(word for word in words if word)
    return Item(inbound.received_at, "answer", label(inbound.kind), why, tone)


def _to_come(mail: OutboxMessage, at: datetime) -> list[Item]:
    if mail.state is MailState.sending:
        why = _("A worker is at it; if it ends before it is done, another takes over.")
        return [Item(mail.lease_until, "mail", _("On its way"), why, is_coming=True)]
    if mail.is_held:
        return [Item(mail.expires_at, "calendar", _("Does not go after this"), is_coming=True)]
    if mail.state is not MailState.queued:
        return []
    if mail.due_at <= at:
        what = _("Due: goes as soon as a worker takes it")
        coming = [Item(None, "mail", what, server_said(mail), is_coming=True)]
    else:
        what = _("Goes once more") if mail.attempts else _("Goes")
        coming = [Item(mail.due_at, "mail", what, server_said(mail), is_coming=True)]
    if mail.expires_at is not None:
        coming.append(
            Item(mail.expires_at, "calendar", _("Does not go after this"), is_coming=True)
        )
    return coming
