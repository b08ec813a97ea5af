"""Talk requests: a former client says "I'd like to talk"; the team plans it, or says how it ended.

Flushes only.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select, update

from service import clock
from service.clients.actions import bases
from service.current import company
from service.errors import Conflict, Refused
from service.events.actions import record_event
from service.extensions import db
from service.mail import links
from service.models import (
    Channel,
    Contact,
    DayPart,
    Departure,
    Event,
    EventKind,
    MailKind,
    MailState,
    OutboxMessage,
    TalkRequest,
    TalkRequestState,
    TeamMember,
)
from service.team.actions.alerts import alert_about

BETWEEN = "\n\n"  # between what was written at several times
OVER = (TalkRequestState.held, TalkRequestState.declined)
TO_COME = (TalkRequestState.open, TalkRequestState.planned)


@dataclass(frozen=True, slots=True)
class TalkDetails:
    """What somebody adds to "I'd like to talk"; `mark` says which mail's link was used."""

    message: str = ""
    channel: Channel | None = None
    phone: str = ""
    day_part: DayPart | None = None
    suits: str = ""
    mark: str = ""


def ask_to_talk(contact: Contact, details: TalkDetails) -> bool:
    """Record that the contact would like to talk, and alert the responsible at once.

    What they add belongs to the request that is open, or that began today. At most one alert
    a day is sent, and the same text is kept once. Return whether there was a request before.
    """
    db.session.execute(select(Contact.id).where(Contact.id == contact.id).with_for_update())
    today = clock.today(company().time_zone)
    contact.wants_to_talk_at = clock.now()
    bases.interact(contact)
    known = _current(contact, today)
    talk_request = known or _begun(contact, today)
    if _take_in(talk_request, details) or known is None:
        _record_wish(talk_request, details)
    db.session.flush()
    alert_about(
        MailKind.alert_door_open,
        contact,
        talk_request.departure,
        subject=f"contact:{contact.id}",
        cycle=today.toordinal(),
        context={"conversation_id": talk_request.id},
    )
    return known is not None


def _current(contact: Contact, today: date) -> TalkRequest | None:
    """Return the request that is not over, or else the one of today."""
    query = (
        select(TalkRequest)
        .where(
            TalkRequest.contact_id == contact.id,
            TalkRequest.state.not_in(OVER) | (TalkRequest.asked_on == today),
        )
        .order_by(TalkRequest.state.in_(OVER), TalkRequest.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return db.session.scalar(query)


def _begun(contact: Contact, today: date) -> TalkRequest:
    departure = db.session.scalar(
        select(Departure)
        .where(Departure.contact_id == contact.id)
        .order_by(Departure.notice_on.desc(), Departure.id.desc())
        .limit(1)
    )
    at = clock.now()
    talk_request = TalkRequest(
        contact=contact, departure=departure, asked_on=today, asked_at=at, changed_at=at
    )
    talk_request.message = talk_request.phone = talk_request.suits = talk_request.note = ""
    talk_request.state, talk_request.version = TalkRequestState.open, 0
    db.session.add(talk_request)
    return talk_request


def _take_in(talk_request: TalkRequest, details: TalkDetails) -> bool:
    """Add what is new in the details; return whether anything was.

    A request that was over is open again when they add something: they still want to talk.
    """
    mail = _mail_of(talk_request.contact, details.mark)
    found = {
        "message": _with(talk_request.message, details.message),
        "channel": details.channel or talk_request.channel,
        "phone": details.phone or talk_request.phone,
        "day_part": details.day_part or talk_request.day_part,
        "suits": details.suits or talk_request.suits,
        "outbox_id": talk_request.outbox_id or (mail.id if mail else None),
    }
    changed = {name: value for name, value in found.items() if getattr(talk_request, name) != value}
    for name, value in changed.items():
        setattr(talk_request, name, value)
    is_news = bool(changed.keys() - {"outbox_id"})
    if is_news and talk_request.state.is_over:
        talk_request.state, talk_request.ended_at = TalkRequestState.open, None
    if changed or not talk_request.version:
        talk_request.version += 1
        talk_request.changed_at = clock.now()
    return is_news


def _with(message: str, more: str) -> str:
    """Return `message` with `more` as a paragraph, unless it is one of its paragraphs already."""
    if not more or f"{BETWEEN}{more}{BETWEEN}" in f"{BETWEEN}{message}{BETWEEN}":
        return message
    return f"{message}{BETWEEN}{more}" if message else more


def _mail_of(contact: Contact, mark: str) -> OutboxMessage | None:
    """Return the mail to this contact that bears `mark`; a mark of anything else is nothing."""
    if not mark:
        return None
    mails = db.session.scalars(
        select(OutboxMessage)
        .where(
            OutboxMessage.contact_id == contact.id,
            OutboxMessage.state.in_((MailState.sent, MailState.sending, MailState.uncertain)),
        )
        .order_by(OutboxMessage.id.desc())
    )
    return next((mail for mail in mails if links.mark(mail) == mark), None)


def _record_wish(talk_request: TalkRequest, details: TalkDetails) -> None:
    if talk_request.departure is None:
        return
    event = Event(
        departure_id=talk_request.departure.id,
        kind=EventKind.wants_to_talk,
        is_by_contact=True,
        detail="\n".join(part for part in (details.message, details.phone, details.suits) if part),
    )
    db.session.add(event)


def plan(talk_request: TalkRequest, at: datetime, *, version: int, by: TeamMember) -> None:
    """Plan the talk for `at` (UTC), or move it there. Raises Refused for a moment that passed.

    `version` is that of the request as the person saw it; raises Conflict when it changed.
    """
    if at <= clock.now():
        raise Refused(_("That moment has passed. If you have talked, say so below."))
    _decide(talk_request, version, by, state=TalkRequestState.planned, planned_at=at)
    _record_event(talk_request, EventKind.talk_planned, by, at.isoformat())


def hold(talk_request: TalkRequest, note: str, *, version: int, by: TeamMember) -> None:
    """Record that they have talked, and about what; raises Conflict when it changed meanwhile."""
    changes = {"state": TalkRequestState.held, "note": note, "ended_at": clock.now()}
    _decide(talk_request, version, by, **changes)
    _record_event(talk_request, EventKind.talk_held, by, note)


def decline(talk_request: TalkRequest, note: str, *, version: int, by: TeamMember) -> None:
    """Record that there will be no talk, and why; raises Conflict when it changed meanwhile."""
    changes = {"state": TalkRequestState.declined, "note": note, "ended_at": clock.now()}
    _decide(talk_request, version, by, planned_at=None, **changes)
    _record_event(talk_request, EventKind.talk_declined, by, note)


def reopen(talk_request: TalkRequest, *, version: int, by: TeamMember) -> None:
    """Take back what was decided, a plan too; the note stays. Twice is once."""
    if talk_request.state is TalkRequestState.open:
        return
    changes = {"state": TalkRequestState.open, "planned_at": None, "ended_at": None}
    _decide(talk_request, version, by, *TalkRequestState, **changes)
    _record_event(talk_request, EventKind.talk_reopened, by)


def _decide(
    talk_request: TalkRequest,
    version: int,
    by: TeamMember,
    *states: TalkRequestState,
    **changes: Any,
) -> None:
    """Change it if it is still at `version` and in `states`; raises Conflict otherwise."""
    changed = db.session.execute(
        update(TalkRequest)
        .where(
            TalkRequest.id == talk_request.id,
            TalkRequest.version == version,
            TalkRequest.state.in_(states or TO_COME),
        )
        .values(version=version + 1, changed_at=clock.now(), provider_id=by.id, **changes)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise Conflict(_("Something changed here meanwhile. Look, then decide again."))
    db.session.refresh(talk_request)


def _record_event(
    talk_request: TalkRequest, kind: EventKind, by: TeamMember, detail: str = ""
) -> None:
    if talk_request.departure is not None:
        record_event(talk_request.departure, kind, by, detail)
    db.session.flush()
