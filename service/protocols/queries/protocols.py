"""The protocols as a list, the departures in each, and what each version changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import joinedload

from service.extensions import db
from service.models import (
    Departure,
    Enrolment,
    EnrolmentState,
    MailState,
    OutboxMessage,
    Protocol,
    ProtocolVersion,
)
from service.models.steps import Step
from service.paging import Page, cut, page_within
from service.protocols.rules.descriptions import step_name

GOING = (EnrolmentState.active, EnrolmentState.paused)


@dataclass(frozen=True, slots=True)
class Row:
    """One protocol and how many departures get mails by it."""

    protocol: Protocol
    count: int


@dataclass(frozen=True, slots=True)
class Version:
    """One version: who made it and when, and what it changed, a sentence each."""

    number: int
    at: datetime
    by: str
    changes: Sequence[str]


def find(public_id: str) -> Protocol | None:
    """Return a protocol, a deleted one too."""
    return db.session.scalar(select(Protocol).where(Protocol.public_id == public_id))


def of(departure: Departure) -> Protocol | None:
    """Return the protocol that a departure goes by, a deleted one too; None when by none."""
    query = select(Protocol).join(Enrolment, Enrolment.protocol_id == Protocol.id)
    return db.session.scalar(query.where(Enrolment.departure_id == departure.id))


def choices() -> Sequence[Protocol]:
    """Return the protocols that a departure can be put on, in the order of their rules."""
    query = select(Protocol).where(Protocol.deleted_at.is_(None))
    return db.session.scalars(query.order_by(Protocol.position, Protocol.id)).all()


def rows(*, is_deleted: bool = False) -> list[Row]:
    """Return the protocols with their counts, in the order of their rules, or the deleted ones."""
    there = Protocol.deleted_at.is_not(None) if is_deleted else Protocol.deleted_at.is_(None)
    counts = (
        select(Enrolment.protocol_id, func.count().label("count"))
        .where(is_in_it())
        .group_by(Enrolment.protocol_id)
        .subquery()
    )
    query = (
        select(Protocol, func.coalesce(counts.c.count, 0))
        .outerjoin(counts, counts.c.protocol_id == Protocol.id)
        .where(there)
        .order_by(Protocol.position, Protocol.id)
    )
    return [Row(protocol, count) for protocol, count in db.session.execute(query)]


def count_in(protocol: Protocol) -> int:
    """Return how many departures get mails by it."""
    query = select(func.count()).select_from(Enrolment)
    found = query.where(Enrolment.protocol_id == protocol.id, is_in_it())
    return db.session.scalar(found) or 0


def is_in_it() -> ColumnElement[bool]:
    """Match enrolments that get more mails: a finished one does while its last mail waits."""
    return or_(Enrolment.state.in_(GOING), has_waiting_mail())


def has_waiting_mail() -> ColumnElement[bool]:
    """Match enrolments of which a mail is written and waits to go."""
    return exists().where(
        OutboxMessage.departure_id == Enrolment.departure_id,
        OutboxMessage.step.is_not(None),
        OutboxMessage.state == MailState.queued,
    )


def versions(protocol: Protocol, page: int = 1) -> Page[Version]:
    """Return a page of its versions, the newest first, each against the one before it."""
    of_it = ProtocolVersion.protocol_id == protocol.id
    count = db.session.scalar(select(func.count()).where(of_it)) or 0
    number = page_within(page, count)
    query = (
        select(ProtocolVersion)
        .where(of_it)
        .order_by(ProtocolVersion.number.desc())
        .options(joinedload(ProtocolVersion.member))
    )
    rows = db.session.scalars(cut(query, number)).all()
    oldest = rows[-1].number if rows else 0
    before = db.session.scalar(query.where(ProtocolVersion.number < oldest).limit(1))
    older = [*rows[1:], *([before] if rows else [])]
    found = [
        Version(
            row.number,
            row.created_at,
            row.member.name if row.member else "",
            differences(one.steps, row.steps) if one else [str(_("The first version."))],
        )
        for row, one in zip(rows, older, strict=True)
    ]
    return Page(found, count, number)


def differences(before: Sequence[Step], after: Sequence[Step]) -> list[str]:
    """Say what was changed between two versions, a sentence for each step."""
    old, new = {step.name: step for step in before}, {step.name: step for step in after}
    changes = [_("Removed: %(mail)s", mail=step_name(old[name])) for name in old if name not in new]
    changes += [_("Added: %(mail)s", mail=step_name(new[name])) for name in new if name not in old]
    for name, step in new.items():
        if name in old and old[name] != step:
            changes.append(_changed(old[name], step))
    kept = [name for name in old if name in new]
    if not changes and kept != [name for name in new if name in old]:
        changes.append(_("Another order."))
    return [str(sentence) for sentence in changes]


def _changed(old: Step, new: Step) -> str:
    mail = step_name(new)
    if old.is_on != new.is_on:
        return str(
            _("Switched on: %(mail)s", mail=mail)
            if new.is_on
            else _("Switched off: %(mail)s", mail=mail)
        )
    facts = (
        (_("its day"), _day(old) != _day(new)),
        (_("its time"), old.at != new.at),
        (_("its days of the week"), old.weekdays != new.weekdays),
        (_("its conditions"), old.only_if != new.only_if),
        (_("how late is too late"), old.stale_after != new.stale_after),
        (_("its title"), old.title != new.title),
    )
    what = [str(words) for words, is_other in facts if is_other]
    return str(_("Changed in “%(mail)s”: %(what)s", mail=mail, what=", ".join(what)))


def _day(step: Step) -> tuple[object, ...]:
    return (step.anchor, step.after, step.count, step.unit)
