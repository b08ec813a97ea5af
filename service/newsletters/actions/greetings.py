"""Greetings: set up by the provider, and written to the outbox on their day. Flushes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import contains_eager
from sqlalchemy.orm.exc import StaleDataError

from service.clock import now
from service.current import company
from service.errors import Conflict
from service.extensions import db
from service.mail import outbox
from service.mail.decision import Decision
from service.mail.policy.greetings import readers_on, refused, why_not
from service.models import (
    Circle,
    Contact,
    Greeting,
    MailKind,
    MailState,
    MailText,
    Occasion,
)
from service.models.greetings import LATE, built_in

CHUNK = 500  # contacts written in one transaction
BUILT_IN = (Occasion.season, Occasion.anniversary, Occasion.birthday)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a team member chooses of a greeting; name and day only of one that the team added."""

    at: time
    circle: Circle
    name: str = ""
    day_key: str | None = None


def in_order() -> list[Greeting]:
    """Return the built-in greetings, then those that the team added, by their day."""
    rows = db.session.scalars(select(Greeting).order_by(Greeting.day_key, Greeting.id)).all()
    kept = {greeting.public_id: greeting for greeting in rows}
    first = [kept.get(occasion.value) or built_in(occasion) for occasion in BUILT_IN]
    return [*first, *(greeting for greeting in rows if not greeting.is_built_in)]


def find(public_id: str) -> Greeting | None:
    """Return one greeting; one that comes with the service is there without a row, too."""
    row = db.session.scalar(select(Greeting).where(Greeting.public_id == public_id))
    if row is None and public_id in set(BUILT_IN):
        return built_in(Occasion(public_id))
    return row


def add(plan: Plan) -> Greeting:
    """Add a greeting for a day of the year; it is off."""
    greeting = Greeting(occasion=Occasion.season, is_on=False)
    _put(greeting, plan)
    db.session.add(greeting)
    db.session.flush()
    return greeting


def change(greeting: Greeting, plan: Plan, *, was: int) -> None:
    """Change a greeting whose version is `was`; raises Conflict when somebody else was first."""
    if greeting.version != was:
        raise _conflict()
    _put(greeting, plan)
    if greeting.is_on:
        _begin_after_now(greeting)
    _keep(greeting)


def switch(greeting: Greeting, *, is_on: bool) -> None:
    """Switch a greeting on or off; raises Conflict when somebody else was first.

    One that is switched on after the hour of its day waits for the next day: nobody wants to mail
    everybody by the press of a switch. One that is switched off is not sent even if written.
    """
    if is_on and not greeting.is_on:
        _begin_after_now(greeting)
    greeting.is_on = is_on
    _keep(greeting)


def remove(greeting: Greeting) -> None:
    """Delete a greeting that the team added, with its texts; its mails stay in the outbox."""
    db.session.execute(delete(MailText).where(MailText.place == greeting.place))
    db.session.delete(greeting)
    db.session.flush()


def waits() -> ColumnElement[bool]:
    """Return whether a greeting is on, so that its days are to be looked at, as a value of SQL."""
    return exists().where(Greeting.is_on)


def write_due(at: datetime) -> Iterator[dict[int, MailState]]:
    """Owe every greeting whose day it is, chunk by chunk; yields the new rows of each chunk.

    Whoever asks may commit after each: a day that breaks off is gone through again, and keys keep
    anybody from being greeted twice in a year.
    """
    ours = company()
    for greeting in db.session.scalars(select(Greeting).where(Greeting.is_on)).all():
        for day, due_at in greeting.due_days(at, ours.time_zone, ours.business_hours):
            yield from _write(greeting, day, due_at)
            _have_done(greeting, day)
            yield {}


def _write(greeting: Greeting, day: date, due_at: datetime) -> Iterator[dict[int, MailState]]:
    query = readers_on(greeting, day).add_columns(why_not(day))
    query = query.options(contains_eager(Contact.client)).order_by(Contact.id).limit(CHUNK)
    context = {
        "greeting": greeting.public_id,
        "occasion": greeting.occasion.value,
        "place": greeting.place,
    }
    decision = Decision(
        greeting=greeting.public_id,
        name=greeting.name,
        occasion=greeting.occasion,
        circle=greeting.circle,
        day=day,
    )
    last = 0
    while found := db.session.execute(query.where(Contact.id > last)).all():
        contacts = [contact for contact, _reason in found]
        last = contacts[-1].id
        yield outbox.write_many(
            MailKind.greeting,
            contacts,
            subject=greeting.place,
            cycle=day.year,
            due_at=due_at,
            expires_at=due_at + LATE,
            context=context,
            decision=decision,
            skipped={contact.id: refused(contact, why) for contact, why in found if why},
        )


def _have_done(greeting: Greeting, day: date) -> None:
    """Note the day past the version and its date: those are for changes that people make."""
    db.session.execute(
        update(Greeting)
        .where(Greeting.id == greeting.id)
        .values(done_on=day, updated_at=Greeting.updated_at)
        .execution_options(synchronize_session="fetch")
    )


def _put(greeting: Greeting, plan: Plan) -> None:
    greeting.at, greeting.circle = plan.at, plan.circle
    if not greeting.is_built_in:
        greeting.name = plan.name
    if greeting.occasion is Occasion.season:
        greeting.day_key = plan.day_key


def _begin_after_now(greeting: Greeting) -> None:
    ours = company()
    greeting.done_on = greeting.last_passed(now(), ours.time_zone, ours.business_hours)


def _keep(greeting: Greeting) -> None:
    db.session.add(greeting)
    try:
        db.session.flush()
    except (IntegrityError, StaleDataError) as error:  # somebody saved between our two statements
        raise _conflict() from error


def _conflict() -> Conflict:
    return Conflict(_("Somebody of your team has changed this greeting meanwhile."))
