"""Protocols as a provider changes them: made, named, ruled, ordered, and their steps from version
to version. A change never sends again what went; whoever is in one goes on by its new steps."""

from collections.abc import Collection, Sequence
from hashlib import sha256

from flask_babel import gettext as _
from sqlalchemy import case, func, insert, select, update

from service.clock import now
from service.errors import Conflict, Refused
from service.extensions import db
from service.models import (
    Departure,
    Enrolment,
    EnrolmentState,
    MailText,
    Protocol,
    ProtocolVersion,
    Reason,
    TeamMember,
)
from service.models.steps import Step
from service.protocols.actions import protocols
from service.protocols.queries.following import has_waiting_mail
from service.protocols.rules.built_ins import BUILT_INS
from service.protocols.rules.step_checks import check

Steps = tuple[Step, ...]


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
    """Return what a form brings back to show that it was made from the name and rules as now."""
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
    """Change its name and the rules that choose it; raises Conflict when `was` is so no more."""
    _hold(protocol)
    if was != seen(protocol):
        raise _conflict()
    protocol.name = name
    protocol.services = "\n".join(services)
    protocol.reasons = "\n".join(reason for reason in Reason if reason in reasons)
    db.session.flush()


def make_default(protocol: Protocol) -> None:
    """Choose it for whoever no rule chooses another for; in one statement, so there is one."""
    _hold(protocol)
    is_it = case((Protocol.id == protocol.id, True), else_=False)
    db.session.execute(update(Protocol).values(is_default=is_it))
    db.session.refresh(protocol)


def move(protocol: Protocol, places: int) -> None:
    """Move it so many places down (or up, when negative) in the order of the rules."""
    others = [one for one in protocols.choices() if one is not protocol]
    before = sum((one.position, one.id) < (protocol.position, protocol.id) for one in others)
    others.insert(max(0, before + places), protocol)
    for position, one in enumerate(others, 1):
        one.position = position
    db.session.flush()


def save_steps(protocol: Protocol, steps: Sequence[Step], *, by: TeamMember, was: int) -> bool:
    """Keep `steps` as the next version; says whether they are others. Flushes.

    `was` is the version that was edited: raises Conflict when there is a newer one, and Refused
    when something is wrong with the steps; nothing is changed then.
    """
    _hold(protocol)
    if protocol.number != was:
        raise _conflict()
    faults = check(steps)
    if faults:
        raise Refused(faults[0].words)
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
    """Return the steps that it came with, None for one that the provider made."""
    return BUILT_INS.get(protocol.built_in or "")


def ask_again(protocol: Protocol) -> None:
    """Have its active departures asked at once; take back what waits to go and has become early.

    Finished ones stay finished, but for those that still have a mail waiting.
    """
    of_it = Enrolment.protocol_id == protocol.id
    db.session.execute(
        update(Enrolment)
        .where(of_it, Enrolment.state == EnrolmentState.active)
        .values(next_at=now())
    )
    query = (
        select(Enrolment.departure_id)
        .where(of_it, has_waiting_mail())
        .order_by(Enrolment.departure_id)
    )
    for ids in in_chunks(db.session.scalars(query).all()):
        rows = db.session.scalars(select(Departure).where(Departure.id.in_(ids)))
        protocols.recount_all(rows.all())
    db.session.flush()


def in_chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    """Return `ids` in parts small enough for one statement each."""
    size = protocols.CHUNK
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _hold(protocol: Protocol) -> None:
    """Lock the row and read it anew: of two who save at once, the second finds the first's."""
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
