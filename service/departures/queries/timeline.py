"""The timeline of one departure: mails sent, due and skipped, answers, and what people did.

Reads only; what is to come is the plan of its protocol.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from service.clock import now
from service.consent import queries as suppressions
from service.events import rules as event_rules
from service.extensions import db
from service.labels import label, why_later, why_not
from service.mail.policy import business_hours
from service.models import (
    Contact,
    Departure,
    Event,
    EventKind,
    MailState,
    OutboxMessage,
    SkipReason,
    TeamMember,
)
from service.models.steps import Step
from service.protocols.queries import forecasts, reasons, situations
from service.protocols.rules.descriptions import step_name, waits_for
from service.protocols.rules.plans import Planned, can_be_threaded, why_not_by_hand
from service.protocols.rules.situations import Situation


@dataclass(frozen=True, slots=True)
class Item:
    """One entry. `can` names what a person may do about it: send, skip, put_back, retry, resolve.

    `at` is None for what waits for something that has not happened. `tone` is good, wait or late.
    `question` is why they are to get a mail, got it, or did not.
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
    question: str = ""
    because: Sequence[str] = ()  # the answer to it, in full

    @property
    def is_going(self) -> bool:
        """Whether it is a mail that has its day and goes then, as things are now."""
        return self.is_coming and self.at is not None and not self.why

    @property
    def is_waiting(self) -> bool:
        """Whether it is a mail without a day, which says what it waits for."""
        return self.is_coming and self.at is None and bool(self.why)

    @property
    def can_be_sent(self) -> bool:
        """Whether a person may send the step's mail now."""
        return "send" in self.can

    @property
    def can_be_skipped(self) -> bool:
        """Whether a person may leave the step out."""
        return "skip" in self.can

    @property
    def can_be_put_back(self) -> bool:
        """Whether a person may undo the skip."""
        return "put_back" in self.can


def of(departure: Departure) -> list[Item]:
    """Return everything that happened, in order, and then everything that is to come."""
    situation = situations.of(departure)
    events = db.session.scalars(
        select(Event)
        .where(Event.departure_id == departure.id)
        .order_by(Event.at, Event.id)
        .options(joinedload(Event.member))
    )
    past = [_item_of(event) for event in events if not _is_shown(event, situation)]
    mails = _mails(departure)
    waits = business_hours.waits([mail for mail in mails if mail.state is MailState.queued], now())
    known = reasons.known_of(mails)
    for mail in mails:
        item = _mailed(mail, situation, waits.get(mail.id))
        because = reasons.why(mail, known)
        past.append(replace(item, question=reasons.question(mail), because=because))
    past.sort(key=lambda item: item.at.timestamp() if item.at else 0.0)
    return past + coming(situation)


def coming(situation: Situation) -> list[Item]:
    """Return the mails that the protocol plans, those with a day first, in order."""
    foretold = forecasts.foretold(situation)
    is_stopped = any(item.reason is SkipReason.suppressed for item in foretold)
    email = situation.departure.contact.email
    why = suppressions.reasons_by_kind(email) if is_stopped else {}
    items = [_planned(item, situation, why.get(item.step.kind, "")) for item in foretold]
    return sorted(items, key=lambda item: item.at.timestamp() if item.at else float("inf"))


def paused_by(departure: Departure) -> TeamMember | None:
    """Return who paused the mails last; None when it was the client, by replying."""
    query = (
        select(Event)
        .where(Event.departure_id == departure.id, Event.kind == EventKind.protocol_paused)
        .order_by(Event.id.desc())
        .options(joinedload(Event.member))
    )
    event = db.session.scalars(query.limit(1)).first()
    return event.member if event else None


def _mails(departure: Departure) -> Sequence[OutboxMessage]:
    """Return the mails to the client; alerts to the team are events of the timeline already."""
    query = (
        select(OutboxMessage)
        .where(OutboxMessage.departure_id == departure.id, OutboxMessage.contact_id.is_not(None))
        .order_by(OutboxMessage.id)
        .options(joinedload(OutboxMessage.contact).joinedload(Contact.client))
    )
    return db.session.scalars(query).all()


def _planned(item: Planned, situation: Situation, stopped: str) -> Item:
    what, name = step_name(item.step), item.step.name
    send = {"send"} if _may_be_sent(item.step, situation) else set()
    if item.reason is not None:
        return Item(
            item.due_at,
            "mail",
            what,
            stopped if item.reason is SkipReason.suppressed and stopped else why_not(item.reason),
            tag=_("waits for you") if item.reason is SkipReason.paused else _("will not go"),
            is_coming=True,
            step=name,
            can=frozenset(send),
        )
    why, tag = ("", _("planned")) if item.due_at else (waits_for(item.step), "")
    can = frozenset({"skip"} | (send if item.due_at else set()))
    return Item(item.due_at, "mail", what, why, tag=tag, is_coming=True, step=name, can=can)


def _may_be_sent(step: Step, situation: Situation) -> bool:
    return why_not_by_hand(step, situation, now()) is None and can_be_threaded(step, situation)


def _is_shown(event: Event, situation: Situation) -> bool:
    """Say whether the mail shows the event already: a skip by hand that was not undone."""
    mail = situation.mails.get(event.detail)
    if event.kind is not EventKind.step_skipped or mail is None:
        return False
    return mail.skip_reason is SkipReason.by_provider


def _mailed(mail: OutboxMessage, situation: Situation, wait: business_hours.Wait | None) -> Item:
    more: dict[str, Any] = {"step": mail.step if situation.step(mail.step) else None, "mail": mail}
    what, tag = _called(mail, situation), label(mail.state)
    if mail.state is MailState.sent:
        if mail.outcome is not None and mail.outcome != "delivered":
            why, tag = mail.outcome_words, label(mail.outcome)
            return Item(mail.ended_at, "mail", what, why, "late", tag, **more)
        return Item(mail.ended_at, "mail", what, tone="good", tag=tag, **more)
    if mail.state is MailState.skipped:
        reason = mail.skip_reason or SkipReason.by_provider
        can = _ways_back(mail, reason, situation)
        why = reasons.why_in_short(mail)
        return Item(mail.ended_at, "mail", what, why, tag=tag, can=can, **more)
    if mail.state is MailState.failed:
        why = reasons.server_said(mail)
        return Item(mail.ended_at, "mail", what, why, "late", tag, can=frozenset({"retry"}), **more)
    if mail.state is MailState.uncertain:
        why = reasons.in_doubt()
        can = frozenset({"resolve", "retry"})
        return Item(mail.ended_at, "mail", what, why, "late", tag, can=can, **more)
    if mail.is_held:
        why, can, more["is_coming"] = reasons.held_until(mail), mail.decisions, True
        return Item(mail.due_at, "mail", what, why, "wait", tag, can=can - {"send"}, **more)
    if wait is not None and wait.until >= mail.due_at:
        why, more["is_coming"] = why_later(wait.why), True
        return Item(wait.until, "mail", what, why, "wait", tag, **more)
    at = mail.ended_at or mail.due_at
    return Item(
        at, "mail", what, reasons.server_said(mail) if mail.attempts else "", "wait", tag, **more
    )


def _called(mail: OutboxMessage, situation: Situation) -> str:
    """Return what the team calls the mail; its kind when its step is not in the protocol."""
    step = next((one for one in situation.steps if one.name == mail.step), None)
    return step_name(step) if step else label(mail.kind)


def _ways_back(mail: OutboxMessage, reason: SkipReason, situation: Situation) -> frozenset[str]:
    """Return what can be done about a skipped mail, if it is the step's latest."""
    step = situation.step(mail.step)
    if step is None or situation.mails.get(step.name) is not mail:
        return frozenset()
    back = {"put_back"} if reason is SkipReason.by_provider else set()
    return frozenset(back | ({"send"} if _may_be_sent(step, situation) else set()))


def _item_of(event: Event) -> Item:
    what, tone = event_rules.sentence(event), ""
    if event.kind is EventKind.recovery_opened:
        tone = "late"
    icon = "answer" if event.is_by_contact else "calendar"
    why = event.detail if event.kind in event_rules.WORDS_OF_PEOPLE else ""
    if not why and event.member is not None:
        why = event.member.name
    elif event.member is not None:
        why = f"{event.member.name}: {why}"
    return Item(event.at, icon, what, why, tone)
