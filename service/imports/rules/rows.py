"""Read a row as one client, contact and perhaps departure; compare it with the rows before it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from flask_babel import gettext as _

from service.imports.rules.columns import REQUIRED, Column, Header
from service.imports.rules.problems import BadValue, Problem, Problems, shortened
from service.imports.rules.values import (
    read_date,
    read_email,
    read_flag,
    read_language,
    read_lines,
    read_money,
    read_name,
    read_percent,
    read_reasons,
    read_text,
)
from service.models import Reason
from service.models.clients import name_key
from service.spreadsheets.tables import BrokenCell, Cell, RawRow, is_blank

LONGEST_NAME, LONGEST_PHONE, LONGEST_KEY = 200, 60, 400
# UTF-8 that another program read as Windows-1252: “MuÃ±oz”.
_GARBLED = re.compile("[ÃÂ][\u0080-\u00bf‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œžŸ]|â€")
OF_CLIENT = ("group", "started_on")
OF_CLIENT_OR_DEPARTURE = (
    "service",
    "monthly_value",
    "acquisition_cost",
    "margin",
    "responsible",
    "notes",
)
OF_CONTACT = ("contact", "language", "phone", "keep_in_touch")


@dataclass(frozen=True, slots=True)
class References:
    """What a file may refer to: reasons by normalized label, and addresses of team members."""

    reasons: Mapping[str, Reason]
    responsibles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the list, typed; what the file leaves empty is None or ""."""

    line: int  # of the file
    client: str
    contact: str
    email: str
    language: str | None = None
    phone: str = ""
    group: str = ""
    service: str = ""
    started_on: date | None = None
    notice_on: date | None = None
    end_on: date | None = None
    reasons: frozenset[Reason] = frozenset()
    responsible: str = ""
    monthly_value: Decimal | None = None
    acquisition_cost: Decimal | None = None
    margin: Decimal | None = None
    keep_in_touch: bool | None = None
    notes: str = ""

    @property
    def is_departure(self) -> bool:
        """Whether it records that the client leaves."""
        return self.notice_on is not None or self.end_on is not None

    @property
    def client_key(self) -> str:
        """The key that all spellings of the client's name share."""
        return name_key(self.client)

    @property
    def contact_key(self) -> tuple[str, str]:
        """The key of the contact: that of the client, and the address."""
        return self.client_key, self.email.casefold()


class RowReader:
    """Reads the rows below one header, and adds what is wrong with them to `problems`."""

    def __init__(
        self,
        header: Header,
        references: References,
        problems: Problems,
        epoch: datetime | None = None,
    ) -> None:
        self._header = header
        self._is_all_named = all(header.names)
        self._problems = problems
        as_date = partial(read_date, epoch=epoch)
        self._readers: dict[Column, Callable[[Cell], Any]] = {
            Column.client: _read_name_of_client,
            Column.email: lambda cell: read_email(read_text(cell)),
            Column.language: read_language,
            Column.phone: partial(_read_short, longest=LONGEST_PHONE),
            Column.started_on: as_date,
            Column.notice_on: as_date,
            Column.end_on: as_date,
            Column.reasons: partial(read_reasons, known=references.reasons),
            Column.responsible: partial(_read_responsible, emails=references.responsibles),
            Column.monthly_value: read_money,
            Column.acquisition_cost: read_money,
            Column.margin: read_percent,
            Column.keep_in_touch: read_flag,
            Column.notes: read_lines,
        }

    def read(self, raw: RawRow) -> Row | None:
        """Return `raw` as a typed row, or None when something in it is wrong."""
        before = self._problems.count
        values, faulty = self._values(raw)
        for column in REQUIRED:
            if column not in values and column not in faulty:
                self._add(raw, column, "", _("This cannot be left empty."))
        self._check_unnamed(raw)
        self._check_dates(raw, values)
        if self._problems.count > before:
            return None
        return Row(line=raw.number, **{column.value: value for column, value in values.items()})

    def _values(self, raw: RawRow) -> tuple[dict[Column, Any], set[Column]]:
        """Return the values of the cells, and the columns whose cell is not valid."""
        values: dict[Column, Any] = {}
        faulty: set[Column] = set()
        for column, cell in zip(self._header.columns, raw.cells, strict=False):
            if column is None or is_blank(cell):
                continue
            try:
                if isinstance(cell, BrokenCell):
                    raise BadValue(_(cell.reason))
                values[column] = self._readers.get(column, _read_short)(cell)
            except BadValue as error:
                faulty.add(column)
                self._add(raw, column, cell, error.reason)
        return values, faulty

    def _check_unnamed(self, raw: RawRow) -> None:
        names = self._header.names
        if self._is_all_named and len(raw.cells) <= len(names):
            return
        for place, cell in enumerate(raw.cells):
            if (place >= len(names) or not names[place]) and not is_blank(cell):
                reason = _(
                    "This stands in a column without a name. Name the column in the header, or "
                    "put quotation marks around a text that holds the separator."
                )
                self._problems.add(Problem(reason, raw.number, typed=shortened(cell)))
                return

    def _check_dates(self, raw: RawRow, values: dict[Column, Any]) -> None:
        start, notice = values.get(Column.started_on), values.get(Column.notice_on)
        end = values.get(Column.end_on)
        if end and start and end < start:
            day = self._typed(raw, Column.started_on)
            reason = _("The end is before the start (%(day)s).", day=day)
            self._add(raw, Column.end_on, self._typed(raw, Column.end_on), reason)
        if end and notice and notice > end:
            day = self._typed(raw, Column.end_on)
            reason = _("The notice is after the end (%(day)s).", day=day)
            self._add(raw, Column.notice_on, self._typed(raw, Column.notice_on), reason)

    def _typed(self, raw: RawRow, column: Column) -> str:
        return read_text(raw.cells[self._header.columns.index(column)])

    def _add(self, raw: RawRow, column: Column, typed: object, reason: str) -> None:
        name = self._header.name_of(column)
        self._problems.add(Problem(reason, raw.number, name, shortened(typed)))


def _read_short(cell: Cell, longest: int = LONGEST_NAME) -> str:
    text = read_name(cell)
    if len(text) > longest:
        raise BadValue(_("This is too long: at most %(longest)s characters.", longest=longest))
    return text


def _read_name_of_client(cell: Cell) -> str:
    name = _read_short(cell)
    if not any(letter.isprintable() and not letter.isspace() for letter in name):
        raise BadValue(_("Nothing in this name can be read."))
    if len(name_key(name)) > LONGEST_KEY:
        raise BadValue(_("This is too long: at most %(longest)s characters.", longest=LONGEST_NAME))
    return name


def _read_responsible(cell: Cell, emails: frozenset[str]) -> str:
    address = read_email(read_text(cell)).casefold()
    if address not in emails:
        raise BadValue(
            _("Nobody in the team has this address. Create their login first, then import.")
        )
    return address


@dataclass(slots=True)
class Comparison:
    """Compares each row with those before it; `problems` stop the import, `warnings` do not."""

    problems: Problems
    warnings: Problems
    _rows: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _leaving: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    _addresses: dict[str, Row] = field(default_factory=dict)
    _of_client: dict[tuple[str, str], tuple[Any, int]] = field(default_factory=dict)
    _of_contact: dict[tuple[Any, ...], tuple[Any, int]] = field(default_factory=dict)

    def add(self, row: Row) -> bool:
        """Compare `row` with those before it; return False when it repeats one of them."""
        key = (*row.contact_key, name_key(row.service), row.notice_on, row.end_on)
        first = self._rows.setdefault(key, row.line)
        if first != row.line:
            reason = _(
                "This repeats line %(line)s: the same client, address, service and dates.",
                line=first,
            )
            self.problems.add(Problem(reason, row.line, typed=shortened(row.client)))
            return False
        self._check_address(row)
        self._check_departure(row)
        self._check_values(row)
        if _GARBLED.search(f"{row.client}\n{row.contact}"):
            self._warn(row, row.client, _("This name looks garbled; check the file's accents."))
        return True

    def _check_address(self, row: Row) -> None:
        first = self._addresses.setdefault(row.email.casefold(), row)
        if first.client_key != row.client_key:
            reason = _(
                "This address is also that of a contact of “%(client)s” (line %(line)s). Both are "
                "kept; each gets its own mails.",
                client=first.client,
                line=first.line,
            )
            self._warn(row, row.email, reason)

    def _check_departure(self, row: Row) -> None:
        if not row.is_departure:
            if row.reasons:
                reason = _("Without notice or end there is no departure, so the reasons are lost.")
                self._warn(row, row.client, reason)
            return
        key = (row.client_key, name_key(row.service), row.notice_on, row.end_on)
        first = self._leaving.setdefault(key, row)
        if first is not row:
            reason = _(
                "“%(client)s” leaves the same service that day on line %(line)s too. Each of the "
                "two contacts gets the mails of a departure.",
                client=row.client,
                line=first.line,
            )
            self._warn(row, row.client, reason)

    def _check_values(self, row: Row) -> None:
        of_client = OF_CLIENT if row.is_departure else OF_CLIENT + OF_CLIENT_OR_DEPARTURE
        for name in of_client:
            self._check_value(row, self._of_client, row.client_key, name)
        for name in OF_CONTACT:
            self._check_value(row, self._of_contact, row.contact_key, name)

    def _check_value(self, row: Row, seen: dict[Any, tuple[Any, int]], key: Any, name: str) -> None:
        value = getattr(row, name)
        if value in (None, ""):
            return
        first, line = seen.setdefault((key, name), (value, row.line))
        if first != value:
            reason = _(
                "Line %(line)s says “%(value)s” here, and that one is kept.",
                line=line,
                value=shortened(first),
            )
            self._warn(row, str(value), reason)

    def _warn(self, row: Row, typed: str, reason: str) -> None:
        self.warnings.add(Problem(reason, row.line, typed=shortened(typed)))
