"""Carry out a plan in two steps: `stage` makes its rows ready, `publish` makes them real.

Between them the caller commits, on one connection, what is nothing but temporary tables. Planning
and writing the rows takes seconds, and SQLite has one writer: so the transaction in which all of
the list appears at once consists of a few statements. What was planned is checked in it again, as
far as somebody else may have changed it meanwhile.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Select, case, delete, exists, func, literal, or_, select, text, update

from service.bulkhead import bulkhead
from service.clients.actions import bases
from service.clock import now
from service.departures.actions import acts
from service.departures.actions.acts import HOUR
from service.errors import Refused
from service.extensions import db
from service.imports.actions.planned_rows import PlannedRows
from service.imports.actions.plans import Plan, plan
from service.imports.actions.staging import CLIENTS, NEW, OF_CLIENTS, Stage, Stale, ids_of
from service.imports.queries import batches
from service.imports.rules import Reading
from service.models import (
    Act,
    ActKind,
    Client,
    Consent,
    Contact,
    Departure,
    DepartureReason,
    Enrolment,
    EnrolmentState,
    Event,
    MailState,
    OutboxMessage,
    Suppression,
    TeamMember,
)
from service.models.types import UtcDateTime
from service.protocols.actions import enrolments, held, progress
from service.protocols.actions.progress import revive_selected
from service.protocols.rules.situations import Situation

EVERY = "*"  # step of a departure
# Others wait for SQLite's lock meanwhile: 40 ms of processor a departure that sends, 5 that holds.
AT_ONCE = 50  # departures whose first mail one import sends now
MOST_HELD = 1_000  # departures whose mails one import holds
ONE_IMPORT = 4_712_026  # key of the advisory lock on PostgreSQL; SQLite has one writer anyway


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose before an import.

    `hold` are mails by the line of the list and the step, such as (12, "thank_you"), or EVERY step;
    `holds_all` holds every mail that has its day, `is_now` sends the first of each at once.
    """

    hold: frozenset[tuple[int, str]] = frozenset()
    holds_all: bool = False
    is_now: bool = False

    def of(self, line: int, situation: Situation) -> set[str]:
        """Return the steps to hold of the departure in a line."""
        if self.holds_all or (line, EVERY) in self.hold:
            return {step.name for step in situation.steps}
        return {step for one, step in self.hold if one == line}


NOTHING = Choice()


@dataclass(slots=True)
class Staged:
    """An import that is ready to be published: what it changes, and what it was planned upon."""

    plan: Plan
    stage: Stage
    recorded: tuple[int, int]  # see Drafts
    last_consent: int = 0
    last_suppression: int = 0
    in_touch: set[str] = field(default_factory=set)  # addresses that the list turns on again
    by: TeamMember | None = None
    choice: Choice = NOTHING
    departures: dict[int, str] = field(default_factory=dict)  # public ids of those that start
    was: dict[str, Any] = field(default_factory=dict)  # see Act


def stage(
    reading: Reading,
    *,
    protocol_since: date | None = None,
    by: TeamMember | None = None,
    source: str = "",
    choice: Choice = NOTHING,
) -> Staged:
    """Plan the import of a list and make its rows ready; nobody else sees anything of them.

    `source` is kept as the origin of new contacts. Raises Refused when the list has problems, or
    too many departures for what was chosen.
    """
    last_consent = db.session.scalar(select(func.max(Consent.id))) or 0
    last_suppression = db.session.scalar(select(func.max(Suppression.id))) or 0
    found = plan(reading, protocol_since=protocol_since)
    if found.is_refused:
        raise Refused(_("Nothing was imported: something in the list has to be put right first."))
    _check_choice(found, choice)
    in_touch = {
        contact.key
        for contact in found.drafts.contacts.values()
        if contact.values.get("keep_in_touch")
        and not (contact.existing and contact.existing.keep_in_touch)
    }
    rows = Stage(OF_CLIENTS)
    made = PlannedRows(found.drafts, rows, by, source)
    made.make()
    return Staged(
        found,
        rows,
        found.drafts.recorded,
        last_consent,
        last_suppression,
        in_touch,
        by=by,
        choice=choice,
        departures=made.started,
        was=made.was,
    )


def publish(staged: Staged) -> None:
    """Make the rows real, all of them, in the transaction of the caller, and flush.

    No mail of theirs goes within the hour, in which undoing.undo() undoes it, but what was chosen.
    Raises Stale or IntegrityError, and the caller has to roll back, when somebody changed meanwhile
    what the list was compared with.
    """
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": ONE_IMPORT})
    _check(staged)
    rows = staged.stage
    for model in (Client, Contact, Departure):
        rows.publish_new(model)
        rows.publish_changes(model)
    others = ids_of(Departure, "has_other_reasons")
    db.session.execute(
        delete(DepartureReason)
        .where(DepartureReason.departure_id.in_(others))
        .execution_options(synchronize_session=False)
    )
    _begin_again()
    rows.publish_new(DepartureReason)
    rows.publish_new(Event)
    rows.publish_new(Enrolment)
    revive_selected(ids_of(Departure))
    bases.recount_selected(
        select(Client.id)
        .join(CLIENTS, CLIENTS.c.client == Client.public_id)
        .where(CLIENTS.c.is_moved)
    )
    act = _keep(staged)
    _wait_until(act.until)
    _delete_early_mails(act.until)
    _choose(staged)


def _check(staged: Staged) -> None:
    """Raise Stale when the plan would be another one now.

    Clients and contacts that others added are found by their unique keys, rows that are gone by
    the number of those that are changed.
    """
    of_list = (
        select(func.count(), func.coalesce(func.max(Departure.id), 0))
        .select_from(CLIENTS)
        .join(Client, Client.public_id == CLIENTS.c.client)
        .join(Departure, Departure.client_id == Client.id)
    )
    if tuple(db.session.execute(of_list).one()) != staged.recorded:
        raise Stale
    if not staged.in_touch:
        return
    consents = (
        select(Contact.email_key)
        .join(Consent, Consent.contact_id == Contact.id)
        .where(Consent.id > staged.last_consent)
    )
    addresses = select(Suppression.address).where(Suppression.id > staged.last_suppression)
    said = {*db.session.scalars(consents), *db.session.scalars(addresses)}
    if not staged.in_touch.isdisjoint(address.casefold() for address in said if address):
        raise Stale


def _begin_again() -> None:
    """Begin protocols that had ended or were history, and make due what a moved date has made late.

    As enrolments.resume and departures.change do for one.
    """
    moment = now()
    begun = {"state": EnrolmentState.active, "enrolled_at": moment, "next_at": moment}
    for mark, values in (("begins", begun), ("has_moved", {"enrolled_at": moment})):
        db.session.execute(
            update(Enrolment)
            .where(Enrolment.departure_id.in_(ids_of(Departure, mark)))
            .values(values)
            .execution_options(synchronize_session=False)
        )


def _check_choice(found: Plan, choice: Choice) -> None:
    starts = len(found.starts)
    if choice.is_now and starts > AT_ONCE:
        raise Refused(
            _(
                "At most %(most)s departures can send their first mail now, and these are"
                " %(count)s. Import the list in parts, or let the mails go at their hours.",
                most=AT_ONCE,
                count=starts,
            )
        )
    held = starts if choice.holds_all else len({line for line, _step in choice.hold})
    if held > MOST_HELD:
        raise Refused(
            _(
                "The mails of at most %(most)s departures can be held at once, and these are"
                " %(count)s. Import the list in parts.",
                most=MOST_HELD,
                count=held,
            )
        )


def _new_ids(model: type[Client | Contact | Departure]) -> Select[Any]:
    staged = NEW[model]
    return select(model.id).join(staged, staged.c.public_id == model.public_id)


def _keep(staged: Staged) -> Act:
    """Keep what was done, so that it can be undone within the hour."""
    moment = now()
    was: dict[str, Any] = {
        name: list(db.session.scalars(_new_ids(model).order_by(model.id)))
        for name, model in (("clients", Client), ("contacts", Contact), ("departures", Departure))
    }
    known = select(Client.id).join(CLIENTS, CLIENTS.c.client == Client.public_id)
    known = known.where(CLIENTS.c.is_moved)
    act = Act(
        kind=ActKind.imported,
        member=staged.by,
        at=moment,
        until=moment + HOUR,
        was={
            **was,
            **staged.was,
            "known_clients": list(db.session.scalars(known)),
            "is_now": staged.choice.is_now,
        },
    )
    db.session.add(act)
    db.session.flush()
    return act


def _wait_until(moment: datetime) -> None:
    """Let no mail of the departures of the list go before `moment`."""
    until = literal(moment, UtcDateTime())
    db.session.execute(
        update(Enrolment)
        .where(
            or_(
                Enrolment.departure_id.in_(ids_of(Departure)),
                Enrolment.departure_id.in_(_new_ids(Departure)),
            )
        )
        .values(
            not_before=until,
            next_at=case((Enrolment.next_at < until, until), else_=Enrolment.next_at),
        )
        .execution_options(synchronize_session=False)
    )


def _choose(staged: Staged) -> None:
    """Hold the mails that were chosen, and send the first ones that are to go now."""
    choice = staged.choice
    if not (choice.hold or choice.holds_all or choice.is_now):
        return
    chosen = {line for line, _step in choice.hold}
    lines = {
        public_id: line
        for line, public_id in staged.departures.items()
        if choice.holds_all or choice.is_now or line in chosen
    }
    for first in range(0, len(lines), AT_ONCE):
        some = list(lines)[first : first + AT_ONCE]
        query = select(Departure).where(Departure.public_id.in_(some)).order_by(Departure.id)
        rows = db.session.scalars(query).all()
        if choice.hold or choice.holds_all:
            found = progress.locked_all(rows)
            held.hold_all(
                [
                    (situation, choice.of(lines[situation.departure.public_id], situation))
                    for situation in found
                ],
                staged.by,
            )
            bulkhead.get_on()
        if choice.is_now:
            for row in rows:
                acts.send_first(row, (), staged.by)


def _delete_early_mails(until: datetime) -> None:
    """Have mails that wait, and whose new day is later, written anew then; they are few.

    The others wait until the hour has passed.
    """
    waits = exists().where(
        OutboxMessage.departure_id == Departure.id,
        OutboxMessage.step.is_not(None),
        OutboxMessage.state == MailState.queued,
    )
    query = select(Departure).where(Departure.id.in_(ids_of(Departure)), waits)
    found = db.session.scalars(query.execution_options(populate_existing=True)).all()
    for some in batches(found):
        enrolments.recount_all(some)
    for departure in found:
        enrolments.wait_until(departure, until)
    db.session.flush()
