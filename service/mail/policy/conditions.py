"""Check again, when a mail is claimed, whether it may still go. Reads only.

Conditions that only a subject knows, such as those of a protocol's step, are added by `ask_also`.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from flask import Flask, current_app
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from service.current import company
from service.extensions import db
from service.mail import outbox
from service.mail.decision import Skip
from service.mail.kinds import RULES
from service.mail.policy import greetings, skips, suppressions
from service.mail.sql import among
from service.models import (
    Contact,
    Departure,
    DepartureReason,
    IssueState,
    MailKind,
    NewsletterIssue,
    OutboxMessage,
    SkipReason,
    Testimonial,
    TestimonialState,
)

# Takes claimed rows and the time; returns why those may no longer go that may not, by id.
Asked = Callable[[Sequence[OutboxMessage], datetime], dict[int, Skip]]


def ask_also(app: Flask, asked: Asked) -> None:
    """Have `asked` called at each claim, with the mails that nothing else stops."""
    app.extensions.setdefault("asked_at_claims", []).append(asked)


def rows_of(ids: Sequence[int]) -> list[OutboxMessage]:
    """Return rows as they are now, in the order of `ids`, with the people they are about loaded."""
    rows = db.session.scalars(
        select(OutboxMessage)
        .where(among(OutboxMessage.id, ids))
        .options(
            joinedload(OutboxMessage.contact).joinedload(Contact.client),
            joinedload(OutboxMessage.departure).lazyload(Departure.reason_rows),
            selectinload(OutboxMessage.member),
            selectinload(OutboxMessage.sender),
            selectinload(OutboxMessage.reply_to),
        )
        .execution_options(populate_existing=True)
    )
    found = {row.id: row for row in rows}
    _introduce(list(found.values()))
    return [found[row_id] for row_id in ids if row_id in found]


def _introduce(rows: Sequence[OutboxMessage]) -> None:
    """Load the people of each departure; most are the reader of its mail and loaded already."""
    departures = [row.departure for row in rows if row.departure]
    if not departures:
        return
    contacts = {row.contact.id: row.contact for row in rows if row.contact}
    if missing := {each.contact_id for each in departures} - contacts.keys():
        query = select(Contact).where(Contact.id.in_(missing)).options(joinedload(Contact.client))
        contacts |= {contact.id: contact for contact in db.session.scalars(query)}
    given = defaultdict(list)
    of_these = among(DepartureReason.departure_id, {each.id for each in departures})
    for row in db.session.scalars(select(DepartureReason).where(of_these)):
        given[row.departure_id].append(row)
    for each in departures:
        set_committed_value(each, "reason_rows", given[each.id])
        contact = contacts.get(each.contact_id)
        set_committed_value(each, "contact", contact)
        set_committed_value(each, "client", contact and contact.client)


def reasons(rows: Sequence[OutboxMessage], at: datetime) -> dict[int, SkipReason]:
    """Return the reason of each row that may no longer go, by id; a fixed number of queries."""
    return {row_id: refused.reason for row_id, refused in refused_of(rows, at).items()}


def refused_of(rows: Sequence[OutboxMessage], at: datetime) -> dict[int, Skip]:
    """Return why each row may not go that may no longer, with the fact behind it, by id.

    A fixed number of queries, however many rows.
    """
    emails = [reader.email for row in rows if (reader := row.contact or row.member)]
    unwanted = suppressions.find_all(emails)
    found = _withdrawn(rows) | _of_issues(rows) | greetings.stopped(rows, at)
    _held = company()  # held, so that the gate finds it in the session for every row
    for row in rows:
        reason = None if row.id in found else _reason(row, unwanted, at)
        if reason is not None:
            reader = row.contact or row.member
            found[row.id] = skips.of(reason, row.kind, reader, unwanted, row.expires_at)
    for asked in current_app.extensions["asked_at_claims"]:
        found |= asked([row for row in rows if row.id not in found], at)
    return _with_noes(rows, found)


def _with_noes(rows: Sequence[OutboxMessage], found: dict[int, Skip]) -> dict[int, Skip]:
    """Return `found` with when and how those said no whose consent is missing."""
    asked = {
        row.id: (row.contact_id or 0, RULES[row.kind].purpose)
        for row in rows
        if row.id in found and found[row.id].reason is SkipReason.no_consent
    }
    noes = skips.noes_of(set(asked.values()))
    return found | {row_id: skips.said_no(noes.get(pair)) for row_id, pair in asked.items()}


def _reason(row: OutboxMessage, unwanted: suppressions.Found, at: datetime) -> SkipReason | None:
    if row.expires_at is not None and row.expires_at <= at:
        return SkipReason.expired
    reader = row.contact or row.member
    if reader is None or (row.member is not None and not row.member.is_active):
        return SkipReason.withdrawn
    if row.kind is MailKind.welcome_back and row.departure and not row.departure.has_returned:
        return SkipReason.withdrawn  # the return was undone meanwhile
    return outbox.why_not(row.kind, reader, row.departure, row.step or "", unwanted, at)


def _withdrawn(rows: Sequence[OutboxMessage]) -> dict[int, Skip]:
    """Return the mails about a testimonial that the contact has withdrawn, with when they did."""
    about = [row for row in rows if row.kind is MailKind.testimonial_edit]
    if not about:
        return {}
    query = select(Testimonial.departure_id, Testimonial.withdrawn_at).where(
        Testimonial.departure_id.in_([row.departure_id for row in about]),
        Testimonial.state == TestimonialState.withdrawn,
    )
    withdrawn = dict(db.session.execute(query).all())
    return {
        row.id: Skip(SkipReason.withdrawn, at=withdrawn[row.departure_id])
        for row in about
        if row.departure_id in withdrawn
    }


def _of_issues(rows: Sequence[OutboxMessage]) -> dict[int, Skip]:
    """Return the mails of newsletters that are paused (they wait) or cancelled.

    A mail that a worker held when the issue was paused, and that was queued again, is found here.
    """
    ids = {row.issue_id for row in rows} - {None}
    if not ids:
        return {}
    query = select(NewsletterIssue.id, NewsletterIssue.state).where(NewsletterIssue.id.in_(ids))
    states = {row.id: row.state for row in db.session.execute(query)}
    why = {IssueState.paused: SkipReason.paused, IssueState.cancelled: SkipReason.withdrawn}
    return {
        row.id: Skip(why[state])
        for row in rows
        if row.issue_id and (state := states.get(row.issue_id)) in why
    }
