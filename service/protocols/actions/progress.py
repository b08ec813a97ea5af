"""Write the mails whose step is due into the outbox, and the steps that are skipped, with why.

rules.plans decides about each step; here departures are looked up and locked, and the rows written
together with the invitations that the mails link to. Flushes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    case,
    exists,
    insert,
    literal,
    select,
    update,
)

from service.clock import now
from service.current import company
from service.extensions import db
from service.mail import outbox
from service.mail.decision import Did, Hand, Skip
from service.mail.policy import suppressions
from service.mail.sql import among, from_now
from service.models import (
    Departure,
    Enrolment,
    EnrolmentState,
    Invitation,
    InvitationKind,
    MailState,
    OutboxMessage,
    SkipReason,
)
from service.models.steps import Step
from service.models.types import UtcDateTime
from service.protocols.queries import situations
from service.protocols.rules.decisions import of_step, skip_of
from service.protocols.rules.plans import Planned, ask_again_at, is_finished, plan
from service.protocols.rules.situations import Situation

CHUNK = 200  # enrolments per transaction, and per hint
SETTLING = timedelta(minutes=1)  # the soonest that an enrolment is due again

HELD = (EnrolmentState.stopped, EnrolmentState.paused)  # until a person lets it go on

_ENROLMENTS = Enrolment.__table__.c  # as a table: a round of the clock is mostly this question


def _is_due(at: Any) -> tuple[ColumnElement[bool], ...]:
    return (_ENROLMENTS.state == EnrolmentState.active, _ENROLMENTS.next_at <= at)


_DUE = (
    select(_ENROLMENTS.id)
    .where(*_is_due(bindparam("at", type_=UtcDateTime())))
    .order_by(_ENROLMENTS.next_at, _ENROLMENTS.id)
    .limit(CHUNK)
)


@dataclass(frozen=True, slots=True)
class Owed:
    """One step of one departure to be written: when it is due, and why it does not go, if so."""

    step: Step
    situation: Situation
    due_at: datetime
    refused: Skip | None = None
    hand: Hand | None = None  # of who sends, skips or holds it by hand
    held_until: datetime | None = None  # when nobody has let it go by then, it never goes


def waits() -> ColumnElement[bool]:
    """Return the SQL condition that an enrolment is due."""
    return exists().where(*_is_due(from_now()))


def due(at: datetime) -> list[int]:
    """Return the ids of a chunk of enrolments that are due at `at`, the longest due first."""
    return list(db.session.scalars(_DUE, {"at": at}))


def take(at: datetime, ids: Sequence[int] | None = None) -> list[int]:
    """Return what due() returns, of `ids` alone when given, locked from other workers."""
    query = _DUE.with_for_update(skip_locked=True)  # SQLite: BEGIN IMMEDIATE does it
    if ids is not None:
        query = query.where(among(_ENROLMENTS.id, ids))
    return list(db.session.scalars(query, {"at": at}))


def advance(enrolments: Sequence[int], at: datetime | None = None) -> list[OutboxMessage]:
    """Write what is due by `at` (default: now), set when each is due again, return the new mails.

    `enrolments` are ids. However many there are, it takes the same handful of statements.
    """
    at = at or now()
    _held = company()  # so that the gate finds it in the session every time
    departures = situations.departures_of(enrolments)
    found = list(situations.of_all(departures).values())
    suppressed = suppressions.find_all([departure.contact.email for departure in departures])
    owed = [item for situation in found for item in _owed(situation, at)]
    mails = write_all(owed, suppressed)
    for situation in found:
        _set_next(situation, at)
    db.session.flush()
    return mails


def advance_one(departure: Departure) -> list[OutboxMessage]:
    """Write what is due for one departure now; nothing unless its enrolment is active.

    Nothing either within the hour in which it can be undone.
    """
    enrolment, at = locked(departure).enrolment, now()
    if enrolment is None or enrolment.state is not EnrolmentState.active:
        return []
    return advance([enrolment.id], at) if enrolment.earliest(at) == at else []


def _owed(situation: Situation, at: datetime) -> list[Owed]:
    return [
        Owed(item.step, situation, item.due_at, _refused(item, situation))
        for item in plan(situation, at)
        if item.due_at is not None and item.is_due(at)
    ]


def _refused(item: Planned, situation: Situation) -> Skip | None:
    if item.reason is SkipReason.expired and item.due_at is not None:
        return Skip(item.reason, at=item.due_at + item.step.lasts)
    return skip_of(item.reason, situation) if item.reason else None


def _set_next(situation: Situation, at: datetime) -> None:
    if situation.enrolment is None:
        return
    to_come = plan(situation, at)
    moment = ask_again_at(situation, at, to_come)
    soonest = situation.enrolment.earliest(at + SETTLING)
    situation.enrolment.next_at = max(moment, soonest) if moment else None
    if is_finished(situation, at, to_come):
        situation.enrolment.state = EnrolmentState.finished


def locked(departure: Departure) -> Situation:
    """Return the situation with its enrolment locked, so that people and the clock take turns."""
    return locked_all([departure])[0]


def locked_all(departures: Sequence[Departure]) -> list[Situation]:
    """Return the situation of each departure, their enrolments locked, in a handful of queries."""
    db.session.flush()
    ids = [departure.id for departure in departures]
    db.session.execute(
        select(Enrolment.id)
        .where(Enrolment.departure_id.in_(ids))
        .order_by(Enrolment.id)
        .with_for_update()
    )
    return list(situations.of_all(departures).values())


def write(owed: Owed) -> OutboxMessage | None:
    """Write the outbox row of a step once, and its invitation when the mail is to go."""
    mails = write_all([owed], suppressions.find_all([owed.situation.departure.contact.email]))
    return mails[0] if mails else None


def write_all(owed: Sequence[Owed], suppressed: suppressions.Found) -> list[OutboxMessage]:
    """Do what write() does for many steps in a handful of queries; return the mails that are new.

    `suppressed` is what suppressions.find_all() returns for the contacts.
    """
    rows = [_row(item, suppressed) for item in owed]
    by_key = {row["key"]: item for row, item in zip(rows, owed, strict=True)}
    found = outbox.add(rows)
    query = select(OutboxMessage).where(among(OutboxMessage.id, found)).order_by(OutboxMessage.id)
    mails = db.session.scalars(query).all() if found else []
    fresh = []
    for mail in mails:
        step, situation = by_key[mail.key].step, by_key[mail.key].situation
        situation.mails[step.name] = mail
        if mail.state is MailState.queued and step.invites_to:
            fresh += _invite(situation, step.invites_to)
    if fresh:
        db.session.execute(insert(Invitation), fresh)
    return list(mails)


def _row(owed: Owed, suppressed: suppressions.Found) -> outbox.Row:
    step, situation, departure = owed.step, owed.situation, owed.situation.departure
    is_by_hand = owed.hand is not None and owed.hand.did is Did.sent
    decision = of_step(step, situation, owed.due_at, now(), is_by_hand=is_by_hand)
    row = outbox.row(
        step.kind,
        departure.contact,
        subject=f"departure:{departure.id}",
        step=step.name,
        cycle=situation.cycles.get(step.name, 0),
        due_at=owed.due_at,
        expires_at=situation.permitted_at(owed.due_at) + step.lasts,
        departure=departure,
        reply_to=sent(situation, step.under) if step.under else None,
        context={"by_hand": True} if is_by_hand else None,
        decision=replace(decision, hands=(owed.hand,) if owed.hand else ()),
        refused=owed.refused,
        suppressed=suppressed,
    )
    if owed.held_until is None or row["state"] is not MailState.queued:
        return row
    return {**row, "state": MailState.held, "expires_at": owed.held_until}


def sent(situation: Situation, name: str) -> OutboxMessage | None:
    """Return the mail of the step `name` if it went."""
    mail = situation.mails.get(name)
    return mail if mail is not None and mail.state is MailState.sent else None


def invite(situation: Situation, step: Step) -> None:
    """Open the invitation that the mail of `step` links to, if it links to one."""
    if step.invites_to and (fresh := _invite(situation, step.invites_to)):
        db.session.execute(insert(Invitation), fresh)


def _invite(situation: Situation, kind: InvitationKind) -> list[dict[str, Any]]:
    """Open the invitation again, or return the columns of a new one, to be inserted."""
    closes_at = now() + kind.open_for
    invitation = situation.invitations.get(kind)
    if invitation is not None:
        invitation.closes_at, invitation.revoked_at = closes_at, None
        return []
    row = {"departure_id": situation.departure.id, "kind": kind, "closes_at": closes_at}
    situation.invitations[kind] = Invitation(**row)
    return [row]


def revive_selected(departure_ids: Select[Any]) -> None:
    """Do what `revive` does for the departures that a query finds, in one statement.

    Enrolments that the session holds are not refreshed.
    """
    db.session.execute(
        update(Enrolment)
        .where(Enrolment.departure_id.in_(departure_ids), Enrolment.state.not_in(HELD))
        .values(state=EnrolmentState.active, next_at=soonest())
        .execution_options(synchronize_session=False)
    )


def soonest() -> ColumnElement[Any]:
    """Return the SQL value of `next_at` that makes due: now, or `not_before` when that is later."""
    moment, not_before = literal(now(), UtcDateTime()), Enrolment.not_before
    return case((not_before > moment, not_before), else_=moment)


def revive(enrolment: Enrolment | None) -> None:
    """Make an enrolment due now, or at its `not_before`, unless it is stopped or paused."""
    if enrolment is not None and enrolment.state not in HELD:
        enrolment.state, enrolment.next_at = EnrolmentState.active, enrolment.earliest(now())
