"""What makes mails go, done so that it can be undone: nothing of it leaves for an hour. Flushes.

Each function here does what the one of the same name elsewhere does, and keeps an Act. What was
chosen beforehand is done with it: mails held, or the first one sent now.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Table, and_, delete, exists, or_, select, update

from service.clients.actions import bases
from service.clock import now
from service.departures.actions import departures, returns
from service.departures.actions.departures import OVER, Facts
from service.departures.actions.kept_rows import as_plain, columns_of, from_plain
from service.departures.queries import panels
from service.errors import Conflict, Refused
from service.events.actions import record_event
from service.extensions import Model, db
from service.mail import outbox
from service.mail.decision import Decision, Did, Hand, as_json
from service.mail.sql import from_now
from service.models import (
    Act,
    ActKind,
    Client,
    Contact,
    Departure,
    Enrolment,
    EnrolmentState,
    EventKind,
    MailState,
    OutboxMessage,
    Protocol,
    Return,
    SkipReason,
    Stage,
    TeamMember,
)
from service.protocols.actions import enrolments, held
from service.protocols.actions.progress import locked, revive
from service.protocols.rules.descriptions import moment_in_words
from service.protocols.rules.plans import why_over

HOUR = timedelta(hours=1)  # in which an act can be undone, and nothing of it leaves
DATED = ("closed_at", "conversation_on", "handover_on")  # what moving to a stage dates
KEPT = timedelta(days=1)  # how long after that hour one can read who undid it


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose before an act: steps to hold, and whether the first mail goes now."""

    hold: frozenset[str] = frozenset()
    is_now: bool = False


NOTHING = Choice()


def record(
    contact: Contact,
    facts: Facts,
    *,
    by: TeamMember,
    sends_mails: bool = True,
    protocol: Protocol | None = None,
    made: Mapping[str, int] | None = None,
    choice: Choice = NOTHING,
) -> Departure:
    """Record a departure; `made` are the ids of the `client` and `contact` that are new with it."""
    departure = departures.record(contact, facts, by=by, sends_mails=sends_mails, protocol=protocol)
    _done(ActKind.recorded, departure, by, dict(made or {}), choice)
    return departure


def move(
    departure: Departure, to: Stage, *, was: Stage, by: TeamMember, choice: Choice = NOTHING
) -> bool:
    """Move a departure to another stage; one that had returned is not returned any more.

    Return False when the thanks for a return had gone already.
    """
    if to is was:
        return True
    is_unsaid = True
    days = as_plain({name: getattr(departure, name) for name in DATED})
    before: dict[str, Any] = {"from": was.value, "to": to.value, "days": days}
    if was is Stage.returned:
        row = returns.of(departure)
        before["return"] = columns_of(row, but=("departure_id",)) if row else None
        is_unsaid = returns.take_back(departure, to, by=by)
    else:
        departures.move(departure, to, was=was, by=by)
    _done(ActKind.moved, departure, by, before, choice)
    return is_unsaid


def put_on(
    departure: Departure, protocol: Protocol, by: TeamMember, choice: Choice = NOTHING
) -> None:
    """Put a departure on another protocol."""
    enrolment = locked(departure).enrolment
    before = {"from": enrolment.protocol_id if enrolment else None, "to": protocol.id}
    if enrolments.put_on(departure, protocol, by):
        _done(ActKind.put_on, departure, by, before, choice)


def resume(departure: Departure, by: TeamMember, choice: Choice = NOTHING) -> None:
    """Go on with the mails of a departure, or begin with those of one that was history."""
    enrolment = locked(departure).enrolment
    before = {
        "state": enrolment.state.value if enrolment else None,
        "enrolled_at": enrolment.enrolled_at.isoformat() if enrolment else None,
        "is_history": departure.is_history,
    }
    if enrolment is not None and enrolment.state is EnrolmentState.active:
        return
    enrolments.resume(departure, by)
    _done(ActKind.resumed, departure, by, before, choice)


def _done(
    kind: ActKind, departure: Departure, by: TeamMember, was: dict[str, Any], choice: Choice
) -> None:
    """Keep the act, and let nothing of it leave within the hour but what was sent with "now"."""
    moment = now()
    db.session.flush()
    db.session.add(
        Act(kind=kind, departure=departure, member=by, at=moment, until=moment + HOUR, was=was)
    )
    enrolments.wait_until(departure, moment + HOUR)
    if choice.hold:
        held.hold(departure, choice.hold, by)
    if choice.is_now:
        send_first(departure, choice.hold, by)
    db.session.flush()


def send_first(departure: Departure, hold: Collection[str], by: TeamMember | None) -> None:
    """Send the first mail at once; the others go when they would have gone anyway."""
    situation = locked(departure)
    if why_over(situation) is not None:
        return
    line = next((one for one in panels.lines(situation, hold) if one.is_first), None)
    enrolments.wait_no_more(departure)
    if line is None:
        return
    mail = situation.mails.get(line.step)
    if mail is None:
        enrolments.send_now(departure, line.step, by)
        return
    decision, hand = Decision.of(mail.decision), Hand(Did.sent, now(), by.id if by else None)
    mail.decision = as_json(replace(decision, hands=(*decision.hands, hand)))
    mail.context, mail.due_at = {**mail.context, "by_hand": True}, now()
    outbox.hint_at(mail)


def undo(act: Act, by: TeamMember) -> None:
    """Undo an act of one departure as a whole; raises Refused, which says what to do instead.

    Pressed twice it is undone once: Conflict says who was faster.
    """
    take(act, by)
    departure = act.departure
    if departure is None:
        raise Conflict(_("The departure is gone already."))
    locked(departure)
    _check_later(act)
    take_back_mails([departure.id], act.at)
    _UNDO[act.kind](act, departure, by)
    db.session.flush()


def take(act: Act, by: TeamMember | None) -> None:
    """Mark an act as undone, once; raises Conflict or Refused when it cannot be any more."""
    moment = now()
    taken = db.session.execute(
        update(Act)
        .where(Act.id == act.id, Act.undone_at.is_(None), Act.until > moment)
        .values(undone_at=moment, undone_by_id=by.id if by else None)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(act)
    if taken.rowcount:  # type: ignore[attr-defined]
        return
    if act.undone_at is None:
        raise Refused(
            _(
                "It could be undone until %(moment)s. You can still pause or stop the mails.",
                moment=moment_in_words(act.until),
            )
        )
    raise Conflict(
        _(
            "%(name)s undid it already, on %(moment)s.",
            name=act.undone_by.name if act.undone_by else _("Somebody"),
            moment=moment_in_words(act.undone_at),
        )
    )


def take_back_mails(ids: Collection[int], since: datetime) -> None:
    """Delete the mails of these departures' protocols that were written and have not left.

    Raises Refused when one has left since.
    """
    of_them = (
        OutboxMessage.departure_id.in_(ids),
        OutboxMessage.step.is_not(None),
        OutboxMessage.contact_id.is_not(None),
    )
    waits = OutboxMessage.state.in_((MailState.queued, MailState.held))
    db.session.execute(
        delete(OutboxMessage)
        .where(*of_them, waits, OutboxMessage.created_at >= since, OutboxMessage.doubts == 0)
        .execution_options(synchronize_session=False)
    )
    gone = OutboxMessage.state.in_((MailState.sent, MailState.uncertain))
    has_left = or_(
        OutboxMessage.state == MailState.sending, and_(gone, OutboxMessage.ended_at >= since)
    )
    db.session.expire_all()
    if db.session.scalar(select(OutboxMessage.id).where(*of_them, has_left).limit(1)) is not None:
        raise Refused(
            _(
                "A mail of it has already gone, so it cannot be undone as a whole. "
                "You can stop the rest."
            )
        )


def _check_later(act: Act) -> None:
    """Raise Refused when something that was done later builds on the act."""
    later = select(Act.id).where(
        Act.departure_id == act.departure_id, Act.id > act.id, Act.undone_at.is_(None)
    )
    if db.session.scalar(later.limit(1)) is not None:
        raise Refused(_("Something else was done here since. Undo that first."))


def _undo_recorded(act: Act, departure: Departure, _by: TeamMember) -> None:
    departures.remove(departure)
    contact_id, client_id = act.was.get("contact"), act.was.get("client")
    if contact_id:
        delete_unused(Contact, [contact_id])
    if client_id:
        delete_unused(Client, [client_id])


def _undo_moved(act: Act, departure: Departure, by: TeamMember) -> None:
    before, to = Stage(act.was["from"]), Stage(act.was["to"])
    if departure.stage is not to:
        raise Refused(_("This departure has moved on since. Change its stage by hand."))
    departure.stage = before
    for name, value in from_plain(Departure, act.was["days"]).items():
        setattr(departure, name, value)
    if act.was.get("return"):
        db.session.add(Return(departure=departure, **from_plain(Return, act.was["return"])))
    enrolment = locked(departure).enrolment
    if before in OVER:
        bases.recount([departure.client_id])
        enrolments.halt(departure, enrolment, OVER[before], by)
    else:
        revive(enrolment)
    record_event(departure, EventKind.undone, by, act.kind)


def _undo_put_on(act: Act, departure: Departure, by: TeamMember) -> None:
    enrolment = locked(departure).enrolment
    if enrolment is None or enrolment.protocol_id != act.was["to"]:
        raise Refused(_("It goes by another protocol by now. Choose one by hand."))
    enrolment.protocol_id = act.was["from"]
    record_event(departure, EventKind.undone, by, act.kind)
    enrolments.recount(departure)


def _undo_resumed(act: Act, departure: Departure, by: TeamMember) -> None:
    enrolment = locked(departure).enrolment
    departure.is_history = act.was["is_history"]
    if enrolment is not None and act.was["state"] is None:
        db.session.execute(delete(Enrolment).where(Enrolment.id == enrolment.id))
        db.session.expire_all()
    elif enrolment is not None:
        enrolment.enrolled_at = datetime.fromisoformat(act.was["enrolled_at"])
        if act.was["state"] == EnrolmentState.stopped:
            enrolments.halt(departure, enrolment, SkipReason.protocol_stopped, by)
        else:
            enrolment.state, enrolment.next_at = EnrolmentState(act.was["state"]), None
    record_event(departure, EventKind.undone, by, act.kind)


_UNDO: dict[ActKind, Callable[[Act, Departure, TeamMember], None]] = {
    ActKind.recorded: _undo_recorded,
    ActKind.moved: _undo_moved,
    ActKind.put_on: _undo_put_on,
    ActKind.resumed: _undo_resumed,
}


def delete_unused(model: type[Model], ids: Collection[int]) -> None:
    """Delete those rows that no row of another table names."""
    target = cast(Table, model.__table__)
    own = target.c.id
    free = [
        ~exists().where(column == own)
        for table in db.metadata.tables.values()
        for column in table.columns
        if column.references(own)
    ]
    query = delete(target).where(own.in_(ids), *free)
    db.session.execute(query)
    db.session.expire_all()


def waits() -> ColumnElement[bool]:
    """Return the SQL condition that there are acts to forget."""
    return exists().where(Act.until < from_now(-KEPT))


def forget_old() -> None:
    """Delete the acts that could be undone until more than a day ago, and what they keep."""
    db.session.execute(delete(Act).where(Act.until < now() - KEPT))
