"""Select the readers of a greeting, and the reasons why some get none, in SQL. Reads only.

The reasons here are those that only greetings have; outbox.why_not has those of every mail
(suppression, keep in touch, consent, legal basis).
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, select
from sqlalchemy.orm import aliased

from service.current import company
from service.extensions import db
from service.mail.decision import Skip
from service.models import (
    Circle,
    Client,
    Contact,
    Departure,
    Greeting,
    MailKind,
    Occasion,
    OutboxMessage,
    Recovery,
    SkipReason,
)
from service.models.greetings import TOO_SOON
from service.yearly import keys_on


def readers(greeting: Greeting) -> Select[Contact]:
    """Return all contacts that `greeting` is for in the course of a year, without sample data.

    A person who is a contact of several clients counts once; for anniversaries once per client.
    """
    query = select(Contact).join(Client, Client.id == Contact.client_id)
    query = query.where(*_meant(greeting, Contact, Client))
    if greeting.occasion is Occasion.anniversary:
        return query
    twin, client_row = aliased(Contact), aliased(Client)
    earlier = and_(
        twin.email_key == Contact.email_key,
        twin.id < Contact.id,
        twin.keep_in_touch,
        client_row.id == twin.client_id,
        *_meant(greeting, twin, client_row),
    )
    if greeting.occasion is Occasion.birthday:
        earlier = and_(earlier, twin.birthday == Contact.birthday)
    return query.where(~exists().where(earlier))


def readers_on(greeting: Greeting, day: date) -> Select[Contact]:
    """Return those of `readers` whose day is `day`; a season has one day for all."""
    query = readers(greeting)
    if greeting.occasion is Occasion.anniversary:
        return query.where(Client.started_day.in_(keys_on(day)), Client.started_on < day)
    if greeting.occasion is Occasion.birthday:
        return query.where(Contact.birthday.in_(keys_on(day)))
    return query


def why_not(today: date) -> ColumnElement[str | None]:
    """Return the reason that stops a greeting alone, as a value of SQL; NULL when there is none."""
    return case(
        (is_being_put_right(), SkipReason.recovery_open.value),
        (is_too_soon(today), SkipReason.left_recently.value),
        else_=None,
    )


def is_being_put_right() -> ColumnElement[bool]:
    """Return whether a recovery of the contact's client is open."""
    return exists().where(
        Recovery.departure_id == Departure.id,
        Departure.client_id == Contact.client_id,
        Recovery.closed_at.is_(None),
    )


def is_too_soon(today: date) -> ColumnElement[bool]:
    """Return whether the contact is leaving or left less than TOO_SOON ago."""
    return and_(Contact.left_on.is_not(None), Contact.left_on > today - TOO_SOON)


def stopped(rows: Sequence[OutboxMessage], at: datetime) -> dict[int, Skip]:
    """Return the greetings among `rows` that may no longer go, by id, each with its reason."""
    asked = [row for row in rows if row.kind is MailKind.greeting]
    if not asked:
        return {}
    wanted = {str((row.context or {}).get("greeting")) for row in asked}
    is_on = Greeting.is_on.is_(True)
    on = set(
        db.session.scalars(select(Greeting.public_id).where(Greeting.public_id.in_(wanted), is_on))
    )
    reason = why_not(at.astimezone(company().zone).date())
    ids = {row.contact_id for row in asked}
    query = select(Contact, reason).where(Contact.id.in_(ids), reason.is_not(None))
    changed = {
        contact.id: refused(contact, why) for contact, why in db.session.execute(query) if why
    }
    found = {row.id: why for row in asked if (why := changed.get(row.contact_id or 0))}
    off = {row.id for row in asked if (row.context or {}).get("greeting") not in on}
    return found | dict.fromkeys(off, Skip(SkipReason.by_provider))


def refused(contact: Contact, why: str) -> Skip:
    """Return what why_not() found out about a contact, with the fact behind it."""
    left_on = contact.left_on if why == SkipReason.left_recently else None
    return Skip(SkipReason(why), left_on=left_on)


def _meant(greeting: Greeting, contact: Any, client: Any) -> list[ColumnElement[bool]]:
    """Return the conditions of a contact (or its twin) that `greeting` is for."""
    found: list[ColumnElement[bool]] = [client.is_sample.is_(False)]
    if greeting.circle is Circle.clients:
        found.append(contact.left_on.is_(None))
    elif greeting.circle is Circle.former:
        found.append(contact.left_on.is_not(None))
    if greeting.occasion is Occasion.anniversary:
        found.append(client.started_day.is_not(None))
    elif greeting.occasion is Occasion.birthday:
        found.append(contact.birthday.is_not(None))
    return found
