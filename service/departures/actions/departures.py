"""Record a departure, change it, move it to another stage, delete it. Flushes."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import joinedload

from service.clients.actions import bases
from service.clock import now, today
from service.current import company
from service.departures.rules import in_words, open_things
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
from service.protocols.actions.progress import locked, revive

HISTORY_AFTER = timedelta(days=30)

LINE = (Stage.notice, Stage.conversation, Stage.handover, Stage.closed)
OVER = {Stage.retained: SkipReason.retained, Stage.returned: SkipReason.returned}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a departure is recorded with. A notice that is not given is today, or the end."""

    service: str = ""
    notice_on: date | None = None
    end_on: date | None = None
    responsible: TeamMember | None = None
    reasons: frozenset[Reason] = frozenset()
    monthly_value: Decimal | None = None
    acquisition_cost: Decimal | None = None
    margin: Decimal | None = None
    notes: str = ""
    source: str = "page"  # page, import


_NAMES = tuple(each.name for each in fields(Facts) if each.name != "source")
# The facts that are columns of the same name, with the same value.
COLUMNS = tuple(name for name in _NAMES if name not in ("responsible", "reasons"))
# What change() takes, in the order in which the timeline lists what changed.
EDITABLE = ("contact_id", *({"responsible": "responsible_id"}.get(name, name) for name in _NAMES))


def record(
    contact: Contact,
    facts: Facts,
    *,
    by: TeamMember | None = None,
    is_history: bool | None = None,
    sends_mails: bool = True,
    protocol: Protocol | None = None,
) -> Departure:
    """Record a departure and put it on `protocol`, or on the first one whose rules fit.

    What ended more than 30 days ago is history, closed and without mail, unless `is_history`
    says otherwise; nothing can be open in it yet. Without `sends_mails` its protocol begins
    stopped. Raises Refused when the end lies before the notice.
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
            enrolments.halt(departure, enrolment, SkipReason.protocol_stopped, by)
            record_event(departure, EventKind.protocol_stopped, by)
    db.session.flush()
    return departure


def columns_of(
    facts: Facts, by: TeamMember | None, day: date, *, is_history: bool
) -> dict[str, Any]:
    """Return the columns of a departure recorded on `day`, except its people and reasons."""
    return {
        **{name: getattr(facts, name) for name in COLUMNS},
        "notice_on": _notice_on(facts, day),
        "source": facts.source,
        "is_history": is_history,
        "stage": Stage.closed if is_history else Stage.notice,
        "recorded_by_id": by.id if by else None,
    }


def is_long_ago(end_on: date | None) -> bool:
    """Say whether what ended then is history when it is recorded today."""
    return end_on is not None and today(company().time_zone) - end_on > HISTORY_AFTER


def twin(client: Client, facts: Facts) -> Departure | None:
    """Return the departure that `facts` would repeat: same client, service and day, not over.

    Locks the client, so that of two people who press at once the second finds the first's.
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
    """Return a digest of the departure, which a form brings back to detect another's change."""
    facts = repr([_plain(getattr(departure, name)) for name in EDITABLE])
    return sha256(facts.encode()).hexdigest()[:16]


def change(
    departure: Departure, values: Mapping[str, Any], *, by: TeamMember, was: str | None = None
) -> bool:
    """Change facts of a departure (names of EDITABLE); return whether anything changed.

    `was` is what seen() returned when the form was made. Raises Conflict when that has changed,
    and Refused when the end lies before the notice.
    """
    _hold(departure)
    if was is not None and was != seen(departure):
        raise Conflict(
            _("Somebody of your team changed this departure meanwhile. Look, then save again.")
        )
    notice_on = values.get("notice_on", departure.notice_on)
    _check_days(notice_on, values.get("end_on", departure.end_on))
    changed = [
        name
        for name in EDITABLE
        if name in values and _plain(getattr(departure, name)) != _plain(values[name])
    ]
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


def move(
    departure: Departure, to: Stage, *, was: Stage, by: TeamMember, is_undo: bool = False
) -> None:
    """Move a departure from the stage `was` to another; raises Conflict when it is not in `was`.

    A client who stays or comes back gets no farewell mails; moving on from there resumes them.
    Raises Refused when it is to be closed while something is open in it, unless that only undoes
    what was done to a closed one.
    """
    if to is was:
        return
    if to is Stage.closed and not is_undo:
        _check_nothing_open(departure)
    moved = db.session.execute(
        update(Departure)
        .where(Departure.id == departure.id, Departure.stage == was)
        .values(stage=to, closed_at=now() if to is Stage.closed else None)
    )
    if not moved.rowcount:  # type: ignore[attr-defined]
        raise Conflict(_("Somebody of your team was faster: this departure has already moved on."))
    db.session.refresh(departure)
    _date(departure, to)
    if to in OVER or was in OVER:
        bases.recount([departure.client_id])
    record_event(departure, EventKind.stage_changed, by, f"{was}>{to}")
    enrolment = locked(departure).enrolment
    if to in OVER:
        enrolments.halt(departure, enrolment, OVER[to], by)
    elif was in OVER and enrolment is not None:
        enrolments.resume(departure, by)
    elif to in LINE:
        revive(enrolment)  # a step may count from what has begun
    db.session.flush()


def _check_nothing_open(departure: Departure) -> None:
    """Raise Refused when something is open; until the transaction ends nothing can be opened."""
    _hold(departure)
    # Two statements: on PostgreSQL the one that waits for the lock sees what was before it waited.
    db.session.scalars(
        select(Departure)
        .where(Departure.id == departure.id)
        .options(joinedload(Departure.recovery))
        .execution_options(populate_existing=True)
    ).one()
    if found := open_things(departure):
        raise Refused(
            _(
                "It cannot be closed while something is open in it: %(things)s.",
                things=in_words(found),
            )
        )


def _date(departure: Departure, to: Stage) -> None:
    """Keep the day on which the stage was first reached, for the steps that count from it."""
    day = today(company().time_zone)
    if to is Stage.conversation and departure.conversation_on is None:
        departure.conversation_on = day
    if to is Stage.handover and departure.handover_on is None:
        departure.handover_on = day


def can_be_deleted(departure: Departure) -> bool:
    """Say whether nothing of it has reached the client, so that it may be deleted."""
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
    """Delete a departure as if it had never been recorded; raises Refused when mails went."""
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
    """Return the day of the notice; when not given it is `day`, or the end if that was earlier."""
    return facts.notice_on or (min(day, facts.end_on) if facts.end_on else day)


def _check_days(notice_on: date, end_on: date | None) -> None:
    if end_on is not None and end_on < notice_on:
        raise Refused(_("The end cannot be earlier than the notice."))


def _count_anew(departure: Departure) -> None:
    """Make mails whose new day has passed due now, unless it ended long ago: that is history."""
    if is_long_ago(departure.end_on):
        departure.is_history = True
        return
    enrolment = locked(departure).enrolment
    if enrolment is not None:
        enrolment.enrolled_at = now()


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
