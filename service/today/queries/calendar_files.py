"""Write entries as an iCalendar object (RFC 5545). The same entries are the same octets."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, vText

from service.mail.rendering.sanitize import one_line
from service.today.queries.calendars import Entry

PRODUCT = "-//Hasta Luego//Hasta Luego//EN"
MEDIA_TYPE = "text/calendar; charset=utf-8"
CALL = timedelta(minutes=30)
HOURLY = "PT1H"  # how often a calendar should ask again; many do as they like


def octets(entries: Sequence[Entry], name: str, zone: ZoneInfo) -> bytes:
    """Return the calendar `name` with the entries; moments as a clock in `zone` shows them."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    # RFC 7986, and what most programs read instead
    for title in ("name", "x-wr-calname"):
        calendar.add(title, vText(one_line(name)))
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


def _event(entry: Entry, zone: ZoneInfo) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    # Without METHOD's exchange of messages a DTSTAMP says when the entry was last revised.
    event.add("dtstamp", entry.changed_at)
    event.add("last-modified", entry.changed_at)
    event.add("sequence", entry.sequence)
    event.add("summary", entry.title)
    event.add("description", "\n".join(words for words in (entry.words, entry.url) if words))
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
def _zone(name: str, first: int, last: int) -> Timezone:
    """Return the VTIMEZONE of a zone for the years from `first` to `last`.

    icalendar 7.3 says the onset of a forward change in the clock after it (03:00 in Madrid); RFC
    5545, section 3.6.5, wants the clock before it, so that hour is taken off.
    """
    zone = Timezone.from_tzid(
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
