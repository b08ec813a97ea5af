"""Departures: record one, change it, take it back. Flushes, never commits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, or_, select

from service.clients.actions import bases
from service.clock import now, today
from service.current import company
from service.errors import Conflict, Refused
from service.events.actions import record_event
from service.extensions import db
from service.models import (
    Client,
    Contact,
    Departure,
    EventKind,
    MailState,
    OutboxMessage,
    Protocol,
    Reason,
    Response,
    SkipReason,
    Stage,
    TalkRequest,
    TeamMember,
    Testimonial,
)
from service.models.clients import name_key
from service.protocols.actions import enrolments
from service.protocols.actions.progress import locked

HISTORY_AFTER = timedelta(days=30)
EDITABLE = (
    "contact_id",
    "service",
    "notice_on",
    "end_on",
    "responsible_id",
    "reasons",
    "monthly_value",
    "acquisition_cost",
    "margin",
    "notes",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a departure when it is recorded. A notice not told is today or the end."""

    service: str = ""
    notice_on: date | None = None
    end_on: date | None = None
    responsible: TeamMember | None = None
    reasons: frozenset[Reason] = frozenset()
    monthly_value: Decimal | None = None
    acquisition_cost: Decimal | None = None
    margin: Decimal | None = None
    notes: str = ""
    source: str = field(default="page")  # page, import


def record(
    contact: Contact,
    facts: Facts,
    *,
    by: TeamMember | None = None,
    is_history: bool | None = None,
    sends_mails: bool = True,
    protocol: Protocol | None = None,
) -> Departure:
    """Write a departure down and put it on `protocol`, or on the one that the rules say.

    What ended more than 30 days ago is history, closed and without mail, unless `is_history`
    says otherwise. Without `sends_mails` its protocol begins stopped. Raises Refused when the end
    lies before the notice.
    """
    is_history = is_long_ago(facts.end_on) if is_history is None else is_history
    columns = columns_of(facts, by, today(company().time_zone), is_history=is_history)
    _check_days(columns["notice_on"], facts.end_on)
    departure = Departure(
        client=contact.client, contact=contact, responsible=facts.responsible, **columns
    )
    departure.reasons = set(facts.reasons)
    db.session.add(departure)
    bases.recount([contact.client_id])
    record_event(departure, EventKind.recorded, by, facts.source)
    if not departure.is_history:
        enrolment = enrolments.enrol(departure, protocol)
        if not sends_mails:
            enrolments.halt(departure, enrolment, SkipReason.protocol_stopped)
            record_event(departure, EventKind.protocol_stopped, by)
    db.session.flush()
    return departure


def columns_of(
    facts: Facts, by: TeamMember | None, day: date, *, is_history: bool
) -> dict[str, Any]:
    """Return the columns of a departure recorded on `day`, but for the people it concerns."""
    return {
        "service": facts.service,
        "notice_on": _notice_on(facts, day),
        "end_on": facts.end_on,
        "monthly_value": facts.monthly_value,
        "acquisition_cost": facts.acquisition_cost,
        "margin": facts.margin,
        "notes": facts.notes,
        "source": facts.source,
        "is_history": is_history,
        "stage": Stage.closed if is_history else Stage.notice,
        "recorded_by_id": by.id if by else None,
    }


def is_long_ago(end_on: date | None) -> bool:
    """Say whether what ended then is history when it is recorded today."""
    return end_on is not None and today(company().time_zone) - end_on > HISTORY_AFTER


def twin(client: Client, facts: Facts) -> Departure | None:
    """Return a departure that `facts` would repeat: same client and service, same day, not over.

    Holds the client, so that of two people who press at once the second finds the first's.
    """
    db.session.execute(select(Client.id).where(Client.id == client.id).with_for_update())
    query = select(Departure).where(
        Departure.client_id == client.id, Departure.stage.not_in((Stage.retained, Stage.returned))
    )
    days = or_(
        Departure.end_on == facts.end_on if facts.end_on else Departure.end_on.is_(None),
        Departure.notice_on == _notice_on(facts, today(company().time_zone)),
    )
    found = db.session.scalars(query.where(days).order_by(Departure.id)).all()
    wanted = name_key(facts.service)
    return next((row for row in found if name_key(row.service) == wanted), None)


def seen(departure: Departure) -> str:
    """Return what a form must bring back to show that it was made from the departure as it is."""
    facts = repr([_plain(getattr(departure, name)) for name in EDITABLE])
    return sha256(facts.encode()).hexdigest()[:16]


def change(
    departure: Departure, values: Mapping[str, Any], *, by: TeamMember, was: str | None = None
) -> bool:
    """Change facts of a departure (EDITABLE names); says whether anything changed.

    `was` is what `seen` said when the form was made; raises Conflict when it is so no more, and
    Refused when the end lies before the notice.
    """
    _hold(departure)
    if was is not None and was != seen(departure):
        raise Conflict(
            _("Somebody of your team changed this departure meanwhile. Look, then save again.")
        )
    notice_on = values.get("notice_on", departure.notice_on)
    _check_days(notice_on, values.get("end_on", departure.end_on))
    changed = [name for name in EDITABLE if name in values and _differs(departure, name, values)]
    for name in changed:
        setattr(departure, name, values[name])
    if not changed:
        return False
    record_event(departure, EventKind.changed, by, ",".join(changed))
    if "end_on" in changed or "notice_on" in changed:
        _count_anew(departure)
        bases.recount([departure.client_id])
    enrolments.recount(departure)
    db.session.flush()
    return True


def can_be_deleted(departure: Departure) -> bool:
    """Say whether nothing of it has reached the client yet, so that it may be taken back."""
    gone = select(OutboxMessage.id).where(
        OutboxMessage.departure_id == departure.id,
        OutboxMessage.contact_id.is_not(None),
        OutboxMessage.state.in_((MailState.sending, MailState.sent, MailState.uncertain)),
    )
    answered = select(Response.id).where(Response.departure_id == departure.id)
    praised = select(Testimonial.id).where(Testimonial.departure_id == departure.id)
    asked = select(TalkRequest.id).where(TalkRequest.departure_id == departure.id)
    queries = (gone, answered, praised, asked)
    return not any(db.session.scalar(query.limit(1)) for query in queries)


def remove(departure: Departure) -> None:
    """Take a departure back as if it had never been recorded; raises Refused when mails went."""
    locked(departure)
    if not can_be_deleted(departure):
        raise Refused(
            _("Mails of this departure have already gone, so it stays. You can stop the rest.")
        )
    client_id = departure.client_id
    db.session.execute(delete(Departure).where(Departure.id == departure.id))
    db.session.expire_all()
    bases.recount([client_id])


def _notice_on(facts: Facts, day: date) -> date:
    """Return the day of the notice; not told, it is `day`, or the end if that was earlier."""
    return facts.notice_on or (min(day, facts.end_on) if facts.end_on else day)


def _check_days(notice_on: date, end_on: date | None) -> None:
    if end_on is not None and end_on < notice_on:
        raise Refused(_("The end cannot be earlier than the notice."))


def _count_anew(departure: Departure) -> None:
    """Let mails whose new day has passed go now, unless it ended long ago: that is history."""
    if is_long_ago(departure.end_on):
        departure.is_history = True
        return
    enrolment = locked(departure).enrolment
    if enrolment is not None:
        enrolment.enrolled_at = now()


def _differs(departure: Departure, name: str, values: Mapping[str, Any]) -> bool:
    return bool(_plain(getattr(departure, name)) != _plain(values[name]))


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value)
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _hold(departure: Departure) -> None:
    db.session.scalars(
        select(Departure)
        .where(Departure.id == departure.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
