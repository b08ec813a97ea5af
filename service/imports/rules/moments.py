"""Read the moment in a cell: a day, a day with a time, or seconds since 1970. Never guesses."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from flask_babel import gettext as _

from service.imports.rules.cells import Cell
from service.imports.rules.problems import BadValue
from service.imports.rules.values import read_date

_SECONDS = re.compile(r"\d{9,10}(\.0+)?")  # since 1970, UTC: from 1973 to 2286
_WITH_TIME = re.compile(
    r"(?P<day>\S+?)[ T](?P<time>\d{1,2}:\d{2}(?::\d{2})?)(?:[.,]\d+)?"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}(?: UTC)?)?"
)
DAY_AHEAD = timedelta(days=1)  # clocks and zones differ; beyond this it is a mistake


def read_moment(cell: Cell, zone: tzinfo, at: datetime, epoch: datetime | None = None) -> datetime:
    """Return the UTC moment in a cell; one without a zone is counted in `zone`, a day from its
    beginning. Raises BadValue for what is no moment, or lies after `at`."""
    moment = _moment(cell, zone, epoch)
    if moment > at + DAY_AHEAD:
        raise BadValue(_("This day is yet to come."))
    return moment


def _moment(cell: Cell, zone: tzinfo, epoch: datetime | None) -> datetime:
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=cell.tzinfo or zone).astimezone(UTC)
    text = str(cell).strip()
    if not isinstance(cell, date) and _SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(float(text)), UTC)
    match = _WITH_TIME.fullmatch(text) if isinstance(cell, str) else None
    if match is None:
        return datetime.combine(read_date(cell, epoch), time(), zone).astimezone(UTC)
    day = read_date(match["day"])
    try:
        hour = time.fromisoformat(match["time"].zfill(5))
    except ValueError:
        raise BadValue(_("The clock has no such time.")) from None
    return datetime.combine(day, hour, _zone(match["zone"]) or zone).astimezone(UTC)


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    return datetime.strptime(text.removesuffix(" UTC"), "%z").tzinfo
