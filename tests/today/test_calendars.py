"""The calendar as a file: RFC 5545, stable, and right when the clocks change."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from dateutil.tz import tzical
from icalendar import Calendar

from service.today.queries import calendars
from service.today.queries.calendars import Entry, EntryKind, octets

MADRID = ZoneInfo("Europe/Madrid")
CHANGED = datetime(2026, 11, 25, 9, tzinfo=UTC)


def an_entry(start=datetime(2026, 11, 26, 16, 30, tzinfo=UTC), **more) -> Entry:
    values = {
        "kind": EntryKind.talk,
        "public_id": "abc",
        "title": "Talk with Ruy",
        "description": "By telephone",
        "url": "https://norte.example/departures/abc",
        "changed_at": CHANGED,
    }
    return Entry(start=start, **{**values, **more})


def parsed(*entries, zone=MADRID) -> Calendar:
    return Calendar.from_ical(octets(entries, "Farewells", zone))


def the_event(*entries, **more):
    (event,) = parsed(*entries, **more).walk("VEVENT")
    return event


def test_a_talk_has_a_moment_on_the_companys_clock_and_half_an_hour():
    event = the_event(an_entry(sequence=3))
    assert event["DTSTART"].params["TZID"] == "Europe/Madrid"
    assert f"{event['DTSTART'].dt:%Y-%m-%d %H:%M}" == "2026-11-26 17:30"
    assert event["DURATION"].dt == timedelta(minutes=30)
    assert "DTEND" not in event
    assert event["UID"] == "talk-abc@hasta-luego"
    assert event["SEQUENCE"] == 3
    assert event["LAST-MODIFIED"].dt == event["DTSTAMP"].dt == CHANGED
    assert event["TRANSP"] == "OPAQUE"
    assert event["URL"] == "https://norte.example/departures/abc"


@pytest.mark.parametrize(
    ("moment", "wall"),
    [
        (datetime(2026, 3, 29, 0, 45, tzinfo=UTC), "2026-03-29 01:45"),  # over the hour that is not
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "2026-03-29 03:30"),
        (datetime(2026, 10, 25, 0, 45, tzinfo=UTC), "2026-10-25 02:45"),  # into one twice
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "2026-10-25 02:30"),
    ],
)
def test_a_talk_in_the_night_of_a_clock_change_ends_after_it_begins(moment, wall):
    event = the_event(an_entry(moment))
    assert f"{event['DTSTART'].dt:%Y-%m-%d %H:%M}" == wall
    assert event.end > event.start


def test_a_due_day_is_a_whole_day_and_keeps_nobody_busy():
    event = the_event(an_entry(date(2026, 11, 27), kind=EntryKind.recovery))
    assert event["DTSTART"].params["VALUE"] == "DATE"
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (date(2026, 11, 27), date(2026, 11, 28))
    assert event["TRANSP"] == "TRANSPARENT"


def test_the_same_entries_are_the_same_octets():
    assert octets([an_entry()], "x", MADRID) == octets([an_entry()], "x", MADRID)


def test_nothing_to_do_is_a_calendar_all_the_same():
    calendar = parsed()
    assert calendar["VERSION"] == "2.0"
    assert calendar["METHOD"] == "PUBLISH"
    assert calendar.walk("VEVENT") == []


HOSTILE = [
    "a\r\nBEGIN:VEVENT\r\nEND:VEVENT",
    "a\nATTENDEE:mailto:x@y.example",
    "semi;colon, comma \\ back\\nslash",
    '"quoted" : and = ^n',
    "ñ" * 300,
    "👩‍👩‍👧‍👦" * 40,
    "\u2028line\u2029paragraph\x85next",
    "‮olleh",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_add_no_line_and_come_out_as_they_went_in(text):
    body = octets([an_entry(title=text, description=text)], text, MADRID)
    lines = body.split(b"\r\n")
    assert b"\n" not in b"".join(lines)  # each line ends in CRLF, and in nothing else
    assert b"\r" not in b"".join(lines)
    assert all(len(line) <= 75 for line in lines)
    assert [line.decode() for line in lines]  # folded between characters, never inside one
    unfolded = body.replace(b"\r\n ", b"").split(b"\r\n")
    assert unfolded.count(b"BEGIN:VEVENT") == 1
    assert not any(line.startswith(b"ATTENDEE") for line in unfolded)
    (event,) = Calendar.from_ical(body).walk("VEVENT")
    assert str(event["SUMMARY"]) == text.replace("\r\n", "\n")


ZONES = ("Europe/Madrid", "America/New_York", "America/Santiago", "Australia/Lord_Howe")
HOURS = [
    datetime(2026, month, day, hour, 30, tzinfo=UTC)
    for month, day in ((3, 8), (3, 29), (4, 5), (9, 6), (10, 4), (10, 25), (11, 1), (12, 31))
    for hour in range(24)
]


@pytest.mark.parametrize("zone", ZONES)
def test_a_program_without_a_zone_table_finds_the_same_moments(zone):
    """Read with the VTIMEZONE alone, by a library that did not write it."""
    entries = [an_entry(moment, public_id=str(moment)) for moment in HOURS]
    body = octets(entries, "x", ZoneInfo(zone)).decode()
    (known,) = tzical(StringIO(body.replace("\r\n ", "").replace("\r\n", "\n"))).keys()
    reader = tzical(StringIO(body.replace("\r\n ", "").replace("\r\n", "\n"))).get(known)
    wrong = []
    for entry, event in zip(entries, Calendar.from_ical(body).walk("VEVENT"), strict=True):
        wall = event["DTSTART"].dt.replace(tzinfo=None)
        read = wall.replace(tzinfo=reader).astimezone(UTC)
        is_twice = entry.start.astimezone(ZoneInfo(zone)).fold == 1  # iCalendar cannot say which
        if read != entry.start and not is_twice:
            wrong.append((entry.start, read))
    assert wrong == []


@pytest.mark.parametrize("zone", ZONES)
def test_each_change_of_the_clock_is_told_by_the_clock_before_it(zone):
    """RFC 5545, section 3.6.5: an onset is a local time that TZOFFSETFROM makes a moment."""
    table = ZoneInfo(zone)
    (told,) = parsed(*(an_entry(moment) for moment in HOURS), zone=table).walk("VTIMEZONE")
    changes = 0
    for part in told.subcomponents:
        before, after = part.TZOFFSETFROM, part.TZOFFSETTO
        later = part["RDATE"].dts if "RDATE" in part else []
        for onset in (part.DTSTART, *(moment.dt for moment in later)):
            moment = onset.replace(tzinfo=UTC) - before
            assert moment.astimezone(table).utcoffset() == after, onset
            if before != after:
                a_second_before = moment - timedelta(seconds=1)
                assert a_second_before.astimezone(table).utcoffset() == before, onset
                changes += 1
    assert changes >= 4


def test_moments_in_utc_need_no_zone():
    body = octets([an_entry()], "x", ZoneInfo("UTC"))
    assert b"DTSTART:20261126T163000Z" in body
    assert b"VTIMEZONE" not in body


def test_without_moments_there_is_no_zone_to_tell():
    assert b"VTIMEZONE" not in octets([an_entry(date(2026, 1, 1))], "x", MADRID)


def test_a_zone_is_built_once_for_its_years():
    calendars._zone.cache_clear()
    for _ in range(3):
        octets([an_entry()], "x", MADRID)
    assert calendars._zone.cache_info().misses == 1
