"""What a team member has to do, as an iCalendar object (RFC 5545). Reads only.

Planned talks, recoveries that are due and last days. It holds no more of a person than is needed:
the client, the contact's first name, and a link to a page behind the login. The same entries give
the same octets.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import lazyload

from service.clock import now, today
from service.current import company
from service.extensions import db
from service.labels import channel_name
from service.mail import links
from service.mail.rendering.sanitize import one_line
from service.models import (
    Client,
    Contact,
    Departure,
    Event,
    EventKind,
    Recovery,
    Stage,
    TalkRequest,
    TalkRequestState,
    TeamMember,
)

BACK = timedelta(days=60)  # how far back; calendars drop what is no longer in the feed
MOST = 1000  # of each kind
RECOVERY_WITHIN = 2  # working days: an apology that comes later is none
OVER = (Stage.retained, Stage.returned)
SHOWN = (TalkRequestState.planned, TalkRequestState.held)
CHANGES = (
    EventKind.changed,
    EventKind.stage_changed,
    EventKind.recovery_opened,
    EventKind.recovery_closed,
)


class EntryKind(StrEnum):
    """What an entry is about; part of its UID, so a departure may have several."""

    talk = "talk"
    recovery = "recovery"
    conversation = "conversation"
    handover = "handover"
    end = "end"


DAYS: dict[EntryKind, Any] = {
    EntryKind.conversation: Departure.conversation_on,
    EntryKind.handover: Departure.handover_on,
    EntryKind.end: Departure.end_on,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: at a moment, or on a whole day when `start` is a date."""

    kind: EntryKind
    public_id: str
    title: str
    description: str
    url: str
    start: datetime | date
    changed_at: datetime
    sequence: int = 0
    departure_id: int | None = None

    @property
    def uid(self) -> str:
        """A name that stays, whatever changes; RFC 5545, section 3.8.4.7."""
        return f"{self.kind}-{self.public_id}@hasta-luego"


def entries(member: TeamMember) -> list[Entry]:
    """Return the entries of `member`'s calendar, in order, in the language in force."""
    member_id = None if member.calendar_is_teams else member.id
    found = [*_recoveries(member_id), *_days(member_id)]
    found = [*_talks(member_id), *_with_revisions(found)]
    return sorted(found, key=lambda entry: (_day(entry.start), entry.uid))


def _day(start: datetime | date) -> date:
    return start.astimezone(company().zone).date() if isinstance(start, datetime) else start


def _talks(member_id: int | None) -> Iterable[Entry]:
    responsible = func.coalesce(Departure.responsible_id, Client.responsible_id)
    query = (
        select(TalkRequest, Client.name, Contact.name, Departure)
        .join(Contact, Contact.id == TalkRequest.contact_id)
        .join(Client, Client.id == Contact.client_id)
        .outerjoin(Departure, Departure.id == TalkRequest.departure_id)
        .where(TalkRequest.state.in_(SHOWN), TalkRequest.planned_at > now() - BACK)
        .where(Client.is_sample.is_(False), *_of(member_id, responsible))
        .order_by(TalkRequest.planned_at)
        .limit(MOST)
        .options(lazyload("*"))
    )
    for talk, client, contact, departure in db.session.execute(query):
        how = channel_name(talk.channel) if talk.channel else ""
        yield Entry(
            EntryKind.talk,
            talk.public_id,
            str(_("Talk with %(name)s, %(client)s", name=_first(contact), client=one_line(client))),
            how,
            links.departure(departure) if departure else links.talk_request(talk),
            talk.planned_at or talk.asked_at,
            talk.changed_at,
            talk.version,
        )


def _recoveries(member_id: int | None) -> Iterable[Entry]:
    query = _departures(member_id, Recovery.opened_at).join(
        Recovery, Recovery.departure_id == Departure.id
    )
    rows = query.where(Recovery.closed_at.is_(None)).order_by(Recovery.opened_at.desc())
    hours = company().business_hours
    for departure, client, contact, opened_at in db.session.execute(rows):
        yield Entry(
            EntryKind.recovery,
            departure.public_id,
            str(_("Put it right: %(client)s", client=one_line(client))),
            str(
                _(
                    "Apologise to %(name)s face to face; by video when they are far. Nobody set a "
                    "day, so it is two working days after they said what failed.",
                    name=_first(contact),
                )
            ),
            links.recovery(departure),
            hours.working_days_after(_day(opened_at), RECOVERY_WITHIN),
            opened_at,
            departure_id=departure.id,
        )


def _days(member_id: int | None) -> Iterable[Entry]:
    """Return the days that departures have: one entry each, of those that are under way."""
    since = today(company().time_zone) - BACK
    for kind, column in DAYS.items():
        query = _departures(member_id, column).where(
            column >= since, Departure.stage.not_in(OVER), Departure.is_history.is_(False)
        )
        for departure, client, contact, day in db.session.execute(query.order_by(column)):
            title, description = _texts_of(kind, one_line(client), _first(contact))
            yield Entry(
                kind,
                departure.public_id,
                title,
                description,
                links.departure(departure),
                day,
                departure.recorded_at,
                departure_id=departure.id,
            )


def _texts_of(kind: EntryKind, client: str, name: str) -> tuple[str, str]:
    """Return the title and the description of a departure's day."""
    texts = {
        EntryKind.conversation: (
            _("Conversation: %(client)s", client=client),
            _("Talk with %(name)s about why they leave.", name=name),
        ),
        EntryKind.handover: (
            _("Handover: %(client)s", client=client),
            _("Hand over to %(name)s.", name=name),
        ),
        EntryKind.end: (
            _("Last day: %(client)s", client=client),
            _("The work for %(name)s ends.", name=name),
        ),
    }
    title, description = texts[kind]
    return str(title), str(description)


def _departures(member_id: int | None, at: Any) -> Select[*tuple[Any, ...]]:
    return (
        select(Departure, Client.name, Contact.name, at)
        .join(Client, Client.id == Departure.client_id)
        .join(Contact, Contact.id == Departure.contact_id)
        .where(Client.is_sample.is_(False), *_of(member_id, Departure.responsible_id))
        .limit(MOST)
        .options(lazyload("*"))
    )


def _of(member_id: int | None, responsible: Any) -> list[ColumnElement[bool]]:
    """Match what the team member is responsible for, or nobody is; None matches everything."""
    return [] if member_id is None else [or_(responsible == member_id, responsible.is_(None))]


def _with_revisions(found: list[Entry]) -> Iterable[Entry]:
    """Add to each how often its departure changed, and when last, in one query."""
    ids = {entry.departure_id for entry in found}
    query = (
        select(Event.departure_id, func.count(), func.max(Event.at))
        .where(Event.departure_id.in_(ids), Event.kind.in_(CHANGES))
        .group_by(Event.departure_id)
    )
    changes = {row[0]: row[1:] for row in db.session.execute(query)}
    for entry in found:
        count, last = changes.get(entry.departure_id or 0, (0, None))
        moment = max(entry.changed_at, last) if last else entry.changed_at
        yield replace(entry, sequence=count, changed_at=moment)


def _first(name: str) -> str:
    return one_line(name).partition(" ")[0]


PRODUCT = "-//Hasta Luego//Hasta Luego//EN"
MEDIA_TYPE = "text/calendar; charset=utf-8"
CALL = timedelta(minutes=30)
HOURLY = "PT1H"  # how often a calendar should ask again; many do as they like


def octets(entries: Sequence[Entry], name: str, zone: ZoneInfo) -> bytes:
    """Return the calendar `name` with the entries; moments as a clock in `zone` shows them."""
    calendar = icalendar.Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    # RFC 7986, and what most programs read instead
    for title in ("name", "x-wr-calname"):
        calendar.add(title, icalendar.vText(one_line(name)))
    calendar.add("x-wr-timezone", zone.key)
    calendar.add("refresh-interval", HOURLY, parameters={"VALUE": "DURATION"}, encode=False)
    calendar.add("x-published-ttl", HOURLY)
    years = {entry.start.year for entry in entries if isinstance(entry.start, datetime)}
    if years and zone.key != "UTC":  # moments in UTC are written with a Z
        calendar.add_component(_zone(zone.key, min(years), max(years)))
    for entry in entries:
        calendar.add_component(_event(entry, zone))
    written: bytes = calendar.to_ical()
    return written


def _event(entry: Entry, zone: ZoneInfo) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", entry.uid)
    # Without METHOD's exchange of messages a DTSTAMP says when the entry was last revised.
    event.add("dtstamp", entry.changed_at)
    event.add("last-modified", entry.changed_at)
    event.add("sequence", entry.sequence)
    event.add("summary", entry.title)
    event.add("description", "\n".join(text for text in (entry.description, entry.url) if text))
    event.add("url", entry.url)
    if isinstance(entry.start, datetime):
        event.add("dtstart", entry.start.astimezone(zone))
        # No DTEND: in the night in which an hour comes twice it could lie before the start.
        event.add("duration", CALL)
        event.add("transp", "OPAQUE")
    else:
        event.add("dtstart", entry.start)
        event.add("dtend", entry.start + timedelta(days=1))
        event.add("transp", "TRANSPARENT")
    event.add("status", "CONFIRMED")
    event.add("class", "PRIVATE")
    return event


@lru_cache(maxsize=32)
def _zone(name: str, first: int, last: int) -> icalendar.Timezone:
    """Return the VTIMEZONE of a zone for the years from `first` to `last`.

    icalendar 7.3 says the onset of a forward change in the clock after it (03:00 in Madrid); RFC
    5545, section 3.6.5, wants the clock before it, so that hour is taken off.
    """
    zone = icalendar.Timezone.from_tzid(
        name, first_date=date(first - 1, 1, 1), last_date=date(last + 2, 1, 1)
    )
    for part in zone.subcomponents:
        gap = part.TZOFFSETTO - part.TZOFFSETFROM
        if gap.total_seconds() <= 0:
            continue
        later: Any = part.pop("rdate", None)
        part.DTSTART -= gap
        if later is not None:
            part.add("rdate", [moment.dt - gap for moment in later.dts])
    return zone
