"""Add, name, order, delete and put back protocols, and change their steps. Flushes.

A change of the steps makes a new version and never sends again what went; departures in the
protocol go on by the new steps. The row of a deleted protocol stays for those who finish on it.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from hashlib import sha256

from flask_babel import gettext as _
from sqlalchemy import case, func, insert, select, update

from service.clock import now
from service.errors import Conflict, Refused
from service.extensions import db
from service.mail.decision import Skip, with_skip
from service.models import (
    Departure,
    Enrolment,
    EnrolmentState,
    Event,
    EventKind,
    MailState,
    MailText,
    OutboxMessage,
    Protocol,
    ProtocolVersion,
    Reason,
    SkipReason,
    TeamMember,
)
from service.models.steps import Step
from service.protocols.actions import enrolments
from service.protocols.actions.progress import CHUNK, soonest
from service.protocols.queries import protocols as queries
from service.protocols.queries.protocols import has_waiting_mail, is_in_it
from service.protocols.rules.built_ins import BUILT_INS
from service.protocols.rules.descriptions import protocol_name
from service.protocols.rules.step_checks import check

Steps = tuple[Step, ...]


class Fate(StrEnum):
    """What becomes of the departures in a protocol that is deleted."""

    finish = "finish"  # on it, as if it were still there
    move = "move"  # on to another one
    stop = "stop"


def create(name: str, copy_of: Protocol | None, by: TeamMember) -> Protocol:
    """Add a protocol after the others: empty, or with the steps and texts of another."""
    last = db.session.scalar(select(func.max(Protocol.position))) or 0
    steps = copy_of.steps if copy_of else ()
    protocol = Protocol(name=name, position=last + 1, steps=steps, number=1)
    db.session.add(protocol)
    db.session.flush()
    _keep_version(protocol, by)
    if copy_of is not None:
        _copy_texts(copy_of, protocol)
    return protocol


def seen(protocol: Protocol) -> str:
    """Return a digest of name and rules, which a form brings back to detect another's change."""
    facts = repr((protocol.name, protocol.services, protocol.reasons))
    return sha256(facts.encode()).hexdigest()[:16]


def change(
    protocol: Protocol,
    name: str,
    services: Sequence[str],
    reasons: Collection[Reason],
    *,
    was: str,
) -> None:
    """Change its name and the rules that choose it; raises Conflict when `seen` is not `was`."""
    _hold(protocol)
    if was != seen(protocol):
        raise _conflict()
    protocol.name = name
    protocol.services = "\n".join(services)
    protocol.reasons = "\n".join(reason for reason in Reason if reason in reasons)
    db.session.flush()


def make_default(protocol: Protocol) -> None:
    """Make it the one for departures that no rule fits; one statement, so there is always one."""
    _hold(protocol)
    is_it = case((Protocol.id == protocol.id, True), else_=False)
    db.session.execute(update(Protocol).values(is_default=is_it))
    db.session.refresh(protocol)


def move(protocol: Protocol, places: int) -> None:
    """Move it so many places down (or up, when negative) in the order of the rules."""
    others = [one for one in queries.choices() if one is not protocol]
    before = sum((one.position, one.id) < (protocol.position, protocol.id) for one in others)
    others.insert(max(0, before + places), protocol)
    for position, one in enumerate(others, 1):
        one.position = position
    db.session.flush()


def save_steps(protocol: Protocol, steps: Sequence[Step], *, by: TeamMember, was: int) -> bool:
    """Keep `steps` as the next version; return whether they differ from the present ones.

    `was` is the version that was edited. Raises Conflict when there is a newer one, and Refused
    when something is wrong with the steps; nothing is changed then.
    """
    _hold(protocol)
    if protocol.number != was:
        raise _conflict()
    faults = check(steps)
    if faults:
        raise Refused(faults[0].sentence)
    if tuple(steps) == protocol.steps:
        return False
    protocol.steps = tuple(steps)
    protocol.number += 1
    db.session.flush()
    _keep_version(protocol, by)
    ask_again(protocol)
    return True


def steps_of_version(protocol: Protocol, number: int) -> Steps | None:
    """Return the steps that an earlier version had, None when there is no such version."""
    return db.session.scalar(
        select(ProtocolVersion.steps).where(
            ProtocolVersion.protocol_id == protocol.id, ProtocolVersion.number == number
        )
    )


def built_in_steps(protocol: Protocol) -> Steps | None:
    """Return the steps that it came with, None for one that the team made."""
    return BUILT_INS.get(protocol.built_in or "")


def ask_again(protocol: Protocol) -> None:
    """Make its active departures due now, and take back waiting mails whose day is later now.

    Finished departures stay finished, except those that still have a mail waiting.
    """
    of_it = Enrolment.protocol_id == protocol.id
    db.session.execute(
        update(Enrolment)
        .where(of_it, Enrolment.state == EnrolmentState.active)
        .values(next_at=soonest())
    )
    query = (
        select(Enrolment.departure_id)
        .where(of_it, has_waiting_mail())
        .order_by(Enrolment.departure_id)
    )
    for ids in in_chunks(db.session.scalars(query).all()):
        rows = db.session.scalars(select(Departure).where(Departure.id.in_(ids)))
        enrolments.recount_all(rows.all())
    db.session.flush()


def in_chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    """Return `ids` in parts small enough for one statement each."""
    size = CHUNK
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def delete(protocol: Protocol, fate: Fate, *, by: TeamMember, to: Protocol | None = None) -> int:
    """Delete a protocol; return how many departures were moved or stopped.

    Raises Refused for the default, and when `to` is no protocol to move them to.
    """
    db.session.refresh(protocol, with_for_update=True)
    if protocol.is_default:
        raise Refused(_("This is the default. Make another one the default first."))
    if protocol.deleted_at is not None:
        return 0
    if fate is Fate.move and (to is None or to is protocol or to.deleted_at is not None):
        raise Refused(_("Choose the protocol that the departures in it go on with."))
    protocol.deleted_at = now()
    ids = _in_it(protocol) if fate is not Fate.finish else []
    for chunk in in_chunks(ids):
        if fate is Fate.move and to is not None:
            _move_all(chunk, to, by)
        else:
            _stop_all(chunk, by)
    db.session.flush()
    return len(ids)


def put_back(protocol: Protocol) -> None:
    """Undo the deletion; departures that were moved or stopped stay so."""
    protocol.deleted_at = None
    db.session.flush()


def _in_it(protocol: Protocol) -> Sequence[int]:
    """Return the ids of the departures that still get mails by it, their enrolments locked."""
    query = (
        select(Enrolment.departure_id)
        .where(Enrolment.protocol_id == protocol.id, is_in_it())
        .order_by(Enrolment.id)
        .with_for_update()
    )
    return db.session.scalars(query).all()


def _move_all(ids: Sequence[int], to: Protocol, by: TeamMember) -> None:
    db.session.execute(
        update(Enrolment).where(Enrolment.departure_id.in_(ids)).values(protocol_id=to.id)
    )
    _record_events(ids, EventKind.protocol_changed, by, protocol_name(to))
    rows = db.session.scalars(select(Departure).where(Departure.id.in_(ids)))
    enrolments.recount_all(rows.all())


def _stop_all(ids: Sequence[int], by: TeamMember) -> None:
    refused = Skip(SkipReason.protocol_stopped, at=now(), by=by.id)
    db.session.execute(
        update(Enrolment)
        .where(Enrolment.departure_id.in_(ids))
        .values(state=EnrolmentState.stopped, next_at=None)
    )
    db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.departure_id.in_(ids),
            OutboxMessage.step.is_not(None),
            OutboxMessage.state == MailState.queued,
        )
        .values(
            state=MailState.skipped,
            skip_reason=refused.reason,
            ended_at=refused.at,
            decision=with_skip(refused),
        )
    )
    _record_events(ids, EventKind.protocol_stopped, by)


def _record_events(ids: Sequence[int], kind: EventKind, by: TeamMember, detail: str = "") -> None:
    values = [
        {"departure_id": one, "kind": kind, "provider_id": by.id, "detail": detail} for one in ids
    ]
    db.session.execute(insert(Event), values)


def _hold(protocol: Protocol) -> None:
    """Lock the row and read it anew: of two who save at once, the second sees the first."""
    db.session.refresh(protocol, with_for_update=True)
    if protocol.deleted_at is not None:
        raise Conflict(_("Somebody of your team has deleted this protocol."))


def _keep_version(protocol: Protocol, by: TeamMember) -> None:
    db.session.add(
        ProtocolVersion(
            protocol_id=protocol.id,
            number=protocol.number,
            steps=protocol.steps,
            provider_id=by.id,
            created_at=now(),
        )
    )
    db.session.flush()


def _copy_texts(source: Protocol, copy: Protocol) -> None:
    rows = db.session.scalars(select(MailText).where(MailText.protocol_id == source.id)).all()
    values = [
        {
            "protocol_id": copy.id,
            "place": row.place,
            "language": row.language,
            "subject": row.subject,
            "body": row.body,
            "provider_id": row.provider_id,
        }
        for row in rows
    ]
    if values:
        db.session.execute(insert(MailText), values)


def _conflict() -> Conflict:
    return Conflict(
        _("Somebody of your team has changed this protocol meanwhile. Look, then save again.")
    )
