"""The timeline of one departure: what was sent, what is due when, what was skipped and why, what
was answered and what people did. Reads only; the future is the protocol's own plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from service.extensions import db
from service.mail import situations
from service.models import (
    Departure,
    Event,
    EventKind,
    MailState,
    OutboxMessage,
    SkipReason,
    Stage,
)
from service.models.labels import label, why_not
from service.models.plans import Planned
from service.models.protocols import STEPS, Anchor

# Field names in "changed" events, as forms call them.
FIELDS = {
    "service": lambda: _("service"),
    "notice_on": lambda: _("day of notice"),
    "end_on": lambda: _("end date"),
    "responsible_id": lambda: _("responsible"),
    "contact_id": lambda: _("contact"),
    "reasons": lambda: _("reasons"),
    "monthly_value": lambda: _("monthly fee"),
    "acquisition_cost": lambda: _("acquisition cost"),
    "margin": lambda: _("margin"),
    "notes": lambda: _("notes"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One entry. `can` names what a person may do about it: send, skip, put_back, retry, resolve.

    `at` is None for what waits for something that has not happened. `tone` is good, wait or late.
    """

    at: datetime | None
    icon: str
    what: str
    why: str = ""
    tone: str = ""
    tag: str = ""
    is_coming: bool = False
    step: str | None = None
    mail: OutboxMessage | None = None
    can: frozenset[str] = frozenset()

    @property
    def is_going(self) -> bool:
        """Whether it is a mail that has its day and goes then, as things stand."""
        return self.is_coming and self.at is not None and not self.why


def of(departure: Departure) -> list[Item]:
    """Return everything that happened, in order, and then everything that is to come."""
    past = [_told(event) for event in _events(departure)]
    past += [_mailed(mail) for mail in _mails(departure)]
    past.sort(key=lambda item: item.at.timestamp() if item.at else 0.0)
    return past + coming(departure)


def coming(departure: Departure) -> list[Item]:
    """Return the mails that the protocol foresees, those with a day first, in order."""
    items = [_planned(item) for item in situations.foretold(departure)]
    return sorted(items, key=lambda item: item.at.timestamp() if item.at else float("inf"))


def _events(departure: Departure) -> Sequence[Event]:
    query = select(Event).where(Event.departure_id == departure.id).order_by(Event.at, Event.id)
    return db.session.scalars(query.options(joinedload(Event.provider))).all()


def _mails(departure: Departure) -> Sequence[OutboxMessage]:
    """Return the mails to the client; what the team is told of stands there already."""
    query = (
        select(OutboxMessage)
        .where(OutboxMessage.departure_id == departure.id, OutboxMessage.contact_id.is_not(None))
        .order_by(OutboxMessage.id)
    )
    return db.session.scalars(query).all()


def _planned(item: Planned) -> Item:
    name = item.step.name
    if item.reason is not None:
        return Item(
            item.due_at,
            "mail",
            label(item.step.kind),
            why_not(item.reason),
            tag=_("will not go"),
            is_coming=True,
            step=name,
            can=frozenset({"send"}),
        )
    if item.due_at is None:
        return Item(
            None,
            "mail",
            label(item.step.kind),
            waits_for(item),
            is_coming=True,
            step=name,
            can=frozenset({"skip"}),
        )
    return Item(
        item.due_at,
        "mail",
        label(item.step.kind),
        tag=_("planned"),
        is_coming=True,
        step=name,
        can=frozenset({"send", "skip"}),
    )


def waits_for(item: Planned) -> str:
    """Say what a step without a day waits for."""
    days = item.step.days
    sentences: dict[Anchor, str] = {
        Anchor.notice: _("Waits for the day of notice."),
        Anchor.end: _("Waits for the end date."),
        Anchor.survey_sent: _("%(days)s days after the survey, if it is not answered.", days=days),
        Anchor.answered: _("The day after the answer, when it is deserved."),
        Anchor.testimonial_sent: _("%(days)s days after the request, once.", days=days),
    }
    return sentences[item.step.anchor]


def _mailed(mail: OutboxMessage) -> Item:
    more: dict[str, Any] = {"step": mail.step if mail.step in STEPS else None, "mail": mail}
    what, tag = label(mail.kind), label(mail.state)
    if mail.state is MailState.sent:
        if mail.outcome is not None and mail.outcome != "delivered":
            return Item(mail.ended_at, "mail", what, tone="late", tag=label(mail.outcome), **more)
        return Item(mail.ended_at, "mail", what, tone="good", tag=tag, **more)
    if mail.state is MailState.skipped:
        reason = mail.skip_reason or SkipReason.by_provider
        can = _ways_back(mail, reason)
        return Item(mail.ended_at, "mail", what, why_not(reason), tag=tag, can=can, **more)
    if mail.state is MailState.failed:
        why = said(mail)
        return Item(mail.ended_at, "mail", what, why, "late", tag, can=frozenset({"retry"}), **more)
    if mail.state is MailState.uncertain:
        why = _("The connection broke off while it was handed over. It may have arrived.")
        can = frozenset({"resolve", "retry"})
        return Item(mail.ended_at, "mail", what, why, "late", tag, can=can, **more)
    at = mail.ended_at or mail.due_at
    return Item(at, "mail", what, said(mail) if mail.attempts else "", "wait", tag, **more)


def _ways_back(mail: OutboxMessage, reason: SkipReason) -> frozenset[str]:
    if mail.step not in STEPS:
        return frozenset()
    return frozenset({"put_back", "send"} if reason is SkipReason.by_provider else {"send"})


def said(mail: OutboxMessage) -> str:
    """Return what the mail server said last, as a sentence for people."""
    if not mail.server_words:
        return ""
    return str(_("The mail server said: %(words)s", words=mail.server_words))


def _told(event: Event) -> Item:
    what, tone = _sentence(event), ""
    if event.kind is EventKind.recovery_opened:
        tone = "late"
    icon = "answer" if event.is_by_contact else "calendar"
    why = event.detail if event.kind in _WORDS_OF_PEOPLE else ""
    if not why and event.provider is not None:
        why = event.provider.name
    elif event.provider is not None:
        why = f"{event.provider.name}: {why}"
    return Item(event.at, icon, what, why, tone)


_WORDS_OF_PEOPLE = {EventKind.note, EventKind.wants_to_talk, EventKind.recovery_closed}


def _sentence(event: Event) -> str:
    if event.kind is EventKind.changed:
        fields = [FIELDS[name]() for name in event.detail.split(",") if name in FIELDS]
        return str(_("Changed: %(fields)s", fields=", ".join(fields)))
    if event.kind is EventKind.stage_changed:
        _was, _sep, to = event.detail.partition(">")
        return str(_("Now: %(stage)s", stage=label(Stage(to)) if to in list(Stage) else to))
    step = STEPS.get(event.detail)
    mail = label(step.kind) if step else event.detail
    sentences: dict[EventKind, str] = {
        EventKind.recorded: _("Recorded"),
        EventKind.step_sent_now: _("Sent by hand: %(mail)s", mail=mail),
        EventKind.step_skipped: _("Skipped by hand: %(mail)s", mail=mail),
        EventKind.step_put_back: _("Put back: %(mail)s", mail=mail),
        EventKind.protocol_stopped: _("Farewell mails stopped"),
        EventKind.protocol_resumed: _("Farewell mails go on"),
        EventKind.wants_to_talk: _("Would like to talk"),
        EventKind.preferences_changed: _("Changed their mail preferences"),
        EventKind.unsubscribed: _("Unsubscribed"),
        EventKind.answer_saved: _("Began to answer the survey"),
        EventKind.answer_sent: _("Answered the survey"),
        EventKind.answer_changed: _("Changed their answer"),
        EventKind.recovery_opened: _("Something went wrong: put it right"),
        EventKind.recovery_closed: _("What went wrong is closed"),
        EventKind.testimonial_submitted: _("Wrote a testimonial"),
        EventKind.testimonial_edited: _("Testimonial shortened, waits for their yes"),
        EventKind.testimonial_confirmed: _("Agreed to the shortened testimonial"),
        EventKind.testimonial_approved: _("Testimonial approved"),
        EventKind.testimonial_rejected: _("Testimonial not published"),
        EventKind.testimonial_withdrawn: _("Took their testimonial back"),
        EventKind.mail_resolved: _("Mail looked after by hand: %(mail)s", mail=mail),
        EventKind.note: _("Note"),
    }
    return str(sentences.get(event.kind, event.kind.value))
