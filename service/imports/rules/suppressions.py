"""Read lists of addresses that get no mail: our own export, and those of other tools. No database.

Mailchimp's exports of who unsubscribed or was cleaned, and lists that name the moment as Delighted
does, are recognised by the column with the date; of their other columns only the reasons are read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, TypeVar

from flask_babel import force_locale
from flask_babel import gettext as _

from service.config import LANGUAGES
from service.imports.rules.columns import find_header_row, header_names
from service.imports.rules.problems import BadValue, Problem, Problems, problem_of, shortened
from service.imports.rules.reading import (
    Progress,
    nonempty_rows,
    warn_of_sheets,
    without_progress,
)
from service.imports.rules.values import read_email, read_lines, read_moment, read_text
from service.labels import reason_of_suppression, scope_of_suppression
from service.models import SuppressionReason, SuppressionScope
from service.spreadsheets.tables import (
    BrokenCell,
    Cell,
    RawRow,
    Table,
    Unreadable,
    count_names,
    is_blank,
    normalized,
)


class Column(StrEnum):
    """The columns of our own export."""

    email = "email"
    reason = "reason"
    scope = "scope"
    date = "date"
    note = "note"
    hash = "hash"  # of an erased address


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a date in a column of another tool means: why mails stop, and which."""

    reason: SuppressionReason
    scope: SuppressionScope


UNSUBSCRIBED = Meaning(SuppressionReason.unsubscribed, SuppressionScope.unasked)
DEAD = Meaning(SuppressionReason.hard_bounce, SuppressionScope.everything)
DATES_OF_TOOLS = {
    "unsubtime": UNSUBSCRIBED,  # UNSUB_TIME: Mailchimp, unsubscribed
    "cleantime": DEAD,  # CLEAN_TIME: Mailchimp, cleaned
    "unsubscribedat": UNSUBSCRIBED,  # Delighted, unsubscribed people
    "bouncedat": DEAD,  # Delighted, bounced people
}
NOTES = frozenset({"unsubreason", "unsubreasonother", "unsubcampaigntitle", "cleancampaigntitle"})
OF_MAILCHIMP = frozenset({"memberrating", "optintime", "confirmtime", "leid", "euid"})
NAMES = {
    **{normalized(column): column for column in Column},
    "emailaddress": Column.email,
    "correo": Column.email,
    "correoelectronico": Column.email,
    "mail": Column.email,
    "motivo": Column.reason,
    "alcance": Column.scope,
    "fecha": Column.date,
    "nota": Column.note,
    "huella": Column.hash,
}
SHOWN = "email, reason / motivo, scope / alcance, date / fecha, note / nota"
COLUMN_NAMES = NAMES.keys() | DATES_OF_TOOLS.keys() | OF_MAILCHIMP
IGNORED = frozenset({"source", "by"})  # of our export: an import has a source of its own


@dataclass(frozen=True, slots=True)
class Header:
    """Which column is at which place."""

    line: int
    names: list[str]
    columns: dict[Column, int]
    dates_of_tools: dict[int, Meaning]
    notes: list[int]

    def name_at(self, place: int) -> str:
        """Return a column's name as the file spells it."""
        return self.names[place] if place < len(self.names) else ""


def find_header(
    rows: Iterator[RawRow], problems: Problems, warnings: Problems
) -> tuple[Header, Iterator[RawRow]]:
    """Return the header and the rows below it; add what is wrong with its columns.

    Raises Unreadable when there is no header.
    """
    best, below = find_header_row(rows, COLUMN_NAMES)
    if not count_names(best.cells, COLUMN_NAMES):
        raise _no_header(best)
    names = header_names(best)
    keys = [normalized(name) for name in names]
    columns: dict[Column, int] = {}
    for place, key in enumerate(keys):
        if key in NAMES:
            columns.setdefault(NAMES[key], place)
    header = Header(
        best.number,
        names,
        columns,
        {place: DATES_OF_TOOLS[key] for place, key in enumerate(keys) if key in DATES_OF_TOOLS},
        [place for place, key in enumerate(keys) if key in NOTES],
    )
    _check_header(header, keys, problems, warnings)
    return header, below


def _check_header(header: Header, keys: list[str], problems: Problems, warnings: Problems) -> None:
    if Column.email not in header.columns and Column.hash not in header.columns:
        reason = _("The column “%(column)s” is missing.", column="email")
        problems.add(Problem(reason, header.line))
    if header.dates_of_tools:
        return
    if OF_MAILCHIMP & set(keys):
        reason = _(
            "This is Mailchimp's list of those who get mail. Take the file of those who "
            "unsubscribed, or of those that were cleaned, out of the same export."
        )
        problems.add(Problem(reason, header.line))
    known = NAMES.keys() | IGNORED
    unknown = [
        name for name, key in zip(header.names, keys, strict=True) if name and key not in known
    ]
    if unknown:
        reason = _("These columns are left out. Known are: %(columns)s.", columns=SHOWN)
        warnings.add(Problem(reason, header.line, typed=shortened(", ".join(unknown))))


def _no_header(row: RawRow) -> Unreadable:
    return Unreadable(
        "The first line has to name the columns, and it begins with “%(first)s”. Needed is "
        "“email”; known are %(columns)s.",
        row.number,
        first=next((shortened(cell) for cell in row.cells if cell is not None), ""),
        columns=SHOWN,
    )


LONGEST_NOTE = 2000
_HASH = re.compile(r"[0-9a-f]{64}")
_NEUTRAL = re.compile(r"^'(?=[=+@-])")  # what an export puts before a would-be formula
_SPAM = re.compile(r"\b(spam|abuse)\b", re.IGNORECASE)
_DEAD = (SuppressionReason.hard_bounce, SuppressionReason.soft_bounces)
Member = TypeVar("Member", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Entry:
    """One address that is to get no mail; an erased one has a hash only."""

    line: int
    email: str
    address_hash: str
    reason: SuppressionReason
    scope: SuppressionScope
    at: datetime | None
    note: str


class RowReader:
    """Reads the rows below one header, and adds what is wrong with them to `problems`."""

    def __init__(
        self,
        header: Header,
        problems: Problems,
        zone: tzinfo,
        at: datetime,
        epoch: datetime | None = None,
    ) -> None:
        self._header, self._problems = header, problems
        self._at, self._epoch = at, epoch
        self._zone = UTC if header.dates_of_tools else zone  # other tools write UTC
        self._reasons = _members_by_name(SuppressionReason, reason_of_suppression)
        self._scopes = _members_by_name(SuppressionScope, scope_of_suppression)

    def read(self, row: RawRow) -> Entry | None:
        """Return the entry in `row`, or None when something in it is wrong."""
        before = self._problems.count
        email, hashed = self._read_address(row)
        read_values = self._of_tool if self._header.dates_of_tools else self._of_ours
        reason, scope, at, note = read_values(row)
        self._check_unnamed(row)
        if self._problems.count > before:
            return None
        return Entry(row.number, email, hashed, reason, scope, at, note[:LONGEST_NOTE])

    def _read_address(self, row: RawRow) -> tuple[str, str]:
        email = self._value(
            row, Column.email, lambda cell: read_email(_NEUTRAL.sub("", read_text(cell)))
        )
        if email is not None:
            return email, ""
        hashed = self._value(row, Column.hash, _read_hash)
        place = self._header.columns.get(Column.email, len(self._header.names))
        if hashed is None and is_blank(_cell(row, place)):
            self._add(row, place, "", _("This cannot be left empty."))
        return "", hashed or ""

    def _of_ours(
        self, row: RawRow
    ) -> tuple[SuppressionReason, SuppressionScope, datetime | None, str]:
        reason = self._value(row, Column.reason, lambda cell: _member(cell, self._reasons))
        reason = reason or SuppressionReason.imported
        usual = SuppressionScope.everything if reason in _DEAD else SuppressionScope.unasked
        scope = self._value(row, Column.scope, lambda cell: _member(cell, self._scopes))
        at = self._value(row, Column.date, self._moment)
        note = self._value(row, Column.note, lambda cell: _NEUTRAL.sub("", read_lines(cell)))
        return reason, scope or usual, at, note or ""

    def _of_tool(
        self, row: RawRow
    ) -> tuple[SuppressionReason, SuppressionScope, datetime | None, str]:
        """Return what the first date of another tool means; add a problem for a row without one."""
        filled = [place for place in self._header.dates_of_tools if not is_blank(_cell(row, place))]
        place = filled[0] if filled else next(iter(self._header.dates_of_tools))
        meaning = self._header.dates_of_tools[place]
        if not filled:
            why = _(
                "Nothing says here when they left, so this may be somebody who gets mail. Write a "
                "date, or remove the row."
            )
            self._add(row, place, "", why)
        at = self._read(row, place, self._moment)
        cells = (read_text(_cell(row, place)) for place in self._header.notes)
        note = " · ".join(text for text in cells if text)
        is_spam = meaning.reason is SuppressionReason.unsubscribed and _SPAM.search(note)
        reason = SuppressionReason.complaint if is_spam else meaning.reason
        return reason, meaning.scope, at, note

    def _moment(self, cell: Cell) -> datetime:
        return read_moment(cell, self._zone, self._at, self._epoch)

    def _value(self, row: RawRow, column: Column, reader: Any) -> Any:
        place = self._header.columns.get(column)
        return None if place is None else self._read(row, place, reader)

    def _read(self, row: RawRow, place: int, reader: Any) -> Any:
        cell = _cell(row, place)
        if is_blank(cell):
            return None
        try:
            if isinstance(cell, BrokenCell):
                raise BadValue(_(cell.reason))
            return reader(cell)
        except BadValue as error:
            self._add(row, place, cell, error.reason)
            return None

    def _check_unnamed(self, row: RawRow) -> None:
        for cell in row.cells[len(self._header.names) :]:
            if not is_blank(cell):
                reason = _(
                    "This stands in a column without a name. Name the column in the header, or "
                    "put quotation marks around a text that holds the separator."
                )
                self._problems.add(Problem(reason, row.number, typed=shortened(cell)))
                return

    def _add(self, row: RawRow, place: int, typed: object, reason: str) -> None:
        name = self._header.name_at(place)
        self._problems.add(Problem(reason, row.number, name, shortened(typed)))


def _cell(row: RawRow, place: int) -> Cell:
    return row.cells[place] if place < len(row.cells) else None


def _read_hash(cell: Cell) -> str:
    text = read_text(cell).lower()
    if not _HASH.fullmatch(text):
        raise BadValue(_("This is no hash of an address. Leave it as the export wrote it."))
    return text


def _members_by_name(kind: Iterable[Member], name: Any) -> dict[str, Member]:
    """Return the members by their code and by their names in every language."""
    members = list(kind)
    found = {normalized(member): member for member in members}
    for language in LANGUAGES:
        with force_locale(language):
            found |= {normalized(name(member)): member for member in members}
    return found


def _member(cell: Cell, by_name: Mapping[str, Member]) -> Member:
    member = by_name.get(normalized(read_text(cell)))
    if member is None:
        codes = ", ".join(dict.fromkeys(member.value for member in by_name.values()))
        raise BadValue(_("Write one of these: %(codes)s.", codes=codes))
    return member


MOST_BYTES = 50 * 1024 * 1024  # Mailchimp writes some 300 bytes for each address
MOST_ROWS = 250_000


@dataclass(frozen=True, slots=True)
class Reading:
    """The content of a file. With `problems` it must not be imported; `warnings` are only shown."""

    entries: list[Entry] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    warnings: Problems = field(default_factory=Problems)


def read(
    table: Table, zone: tzinfo, at: datetime, progress: Progress = without_progress
) -> Reading:
    """Return the content of the list in `table`; `progress` wraps its rows, given their number.

    Days are days in `zone`, and none may be after `at`, which is now.
    """
    reading = Reading()
    try:
        _read_table(table, reading, zone, at, progress)
    except Unreadable as why:
        reading.problems.add(problem_of(why))
    if not reading.entries and not reading.problems:
        reading.problems.add(Problem(_("There is no address below the header.")))
    return reading


def too_large(_size: int) -> str:
    """Return the message that a file is too large."""
    most = MOST_BYTES // 1024**2
    return str(_("A list may have %(most)s MB. Import it in parts.", most=most))


def _read_table(
    table: Table, reading: Reading, zone: tzinfo, at: datetime, progress: Progress
) -> None:
    rows = progress(table.rows, table.length)
    header, below = find_header(rows, reading.problems, reading.warnings)
    warn_of_sheets(table, reading.warnings)
    if reading.problems:
        return
    reader = RowReader(header, reading.problems, zone, at, table.epoch)
    for row in nonempty_rows(below, MOST_ROWS):
        entry = reader.read(row)
        if entry is not None:
            reading.entries.append(entry)
