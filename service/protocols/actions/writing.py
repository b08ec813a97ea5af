"""Write the mails of steps down, with the links they open, while their departures are held."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from service.clock import now
from service.extensions import db
from service.mail import outbox
from service.mail.policy import suppressions
from service.mail.rows import among
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
from service.protocols.queries import situations
from service.protocols.rules.situations import Situation

HELD = (EnrolmentState.stopped, EnrolmentState.paused)  # until a person lets it go on


def locked(departure: Departure) -> Situation:
    """Return the situation, its enrolment locked: two people and the clock take turns."""
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


@dataclass(frozen=True, slots=True)
class Owed:
    """One step of one departure that is to be written down: when it is due, and why not to go."""

    step: Step
    situation: Situation
    due_at: datetime
    skip_reason: SkipReason | None = None
    context: dict[str, bool] | None = None


def write(owed: Owed) -> OutboxMessage | None:
    """Write a step's row once, and the link it opens when it is to go."""
    mails = write_all([owed], suppressions.find_all([owed.situation.departure.contact.email]))
    return mails[0] if mails else None


def write_all(owed: Sequence[Owed], suppressed: suppressions.Found) -> list[OutboxMessage]:
    """Do what `write` does for many steps in a handful of queries; return the mails that are new.

    `suppressed` is what suppressions.find_all says to the contacts.
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
    return outbox.row(
        step.kind,
        departure.contact,
        subject=f"departure:{departure.id}",
        step=step.name,
        cycle=situation.cycles.get(step.name, 0),
        due_at=owed.due_at,
        expires_at=owed.due_at + step.lasts,
        departure=departure,
        sender=departure.responsible,
        reply_to=sent(situation, step.under) if step.under else None,
        context=owed.context,
        skip_reason=owed.skip_reason,
        suppressed=suppressed,
    )


def sent(situation: Situation, name: str) -> OutboxMessage | None:
    """Return the mail of the step `name` if it went."""
    mail = situation.mails.get(name)
    return mail if mail is not None and mail.state is MailState.sent else None


def revive(enrolment: Enrolment | None) -> None:
    """Have what is due asked again at once, unless a person stopped it or has a reply to read."""
    if enrolment is not None and enrolment.state not in HELD:
        enrolment.state, enrolment.next_at = EnrolmentState.active, now()


def _invite(situation: Situation, kind: InvitationKind) -> list[dict[str, Any]]:
    """Open the row behind the mail's link again, or return the new one, to be inserted."""
    closes_at = now() + kind.open_for
    invitation = situation.invitations.get(kind)
    if invitation is not None:
        invitation.closes_at, invitation.revoked_at = closes_at, None
        return []
    row = {"departure_id": situation.departure.id, "kind": kind, "closes_at": closes_at}
    situation.invitations[kind] = Invitation(**row)
    return [row]
