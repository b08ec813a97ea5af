"""Read a line of the table as one client, contact and perhaps departure, with every fault in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from flask_babel import gettext as _

from service.imports.rules.amounts import read_money, read_percent
from service.imports.rules.cells import Broken, Cell, Line, is_blank
from service.imports.rules.columns import REQUIRED, Column
from service.imports.rules.emails import read_email
from service.imports.rules.headers import Header
from service.imports.rules.problems import BadValue, Problem, Problems, shortened
from service.imports.rules.values import (
    read_date,
    read_flag,
    read_language,
    read_lines,
    read_name,
    read_reasons,
    read_text,
)
from service.models import Reason
from service.models.clients import name_key

LONGEST_NAME, LONGEST_PHONE, LONGEST_KEY = 200, 60, 400


@dataclass(frozen=True, slots=True)
class Known:
    """What a file may refer to: labels of reasons (made plain), and addresses of providers."""

    reasons: Mapping[str, Reason]
    responsibles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. What its file leaves empty is None or ""."""

    line: int
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
        """What every spelling of the client's name shares."""
        return name_key(self.client)

    @property
    def contact_key(self) -> tuple[str, str]:
        """What names the contact: the client and the address."""
        return self.client_key, self.email.casefold()


class RowReader:
    """Reads the lines below one header, and adds what is wrong with them to `problems`."""

    def __init__(
        self, header: Header, known: Known, problems: Problems, epoch: datetime | None = None
    ) -> None:
        self._header = header
        self._is_all_named = all(header.names)
        self._problems = problems
        as_date = partial(read_date, epoch=epoch)
        self._readers: dict[Column, Callable[[Cell], Any]] = {
            Column.client: _read_name_of_client,
            Column.email: _read_address,
            Column.language: read_language,
            Column.phone: partial(_read_short, longest=LONGEST_PHONE),
            Column.started_on: as_date,
            Column.notice_on: as_date,
            Column.end_on: as_date,
            Column.reasons: partial(read_reasons, known=known.reasons),
            Column.responsible: partial(_read_responsible, known=known.responsibles),
            Column.monthly_value: read_money,
            Column.acquisition_cost: read_money,
            Column.margin: read_percent,
            Column.keep_in_touch: read_flag,
            Column.notes: read_lines,
        }

    def read(self, line: Line) -> Row | None:
        """Return the row on `line`, or None when something in it is wrong."""
        before = self._problems.count
        values, faulty = self._values(line)
        for column in REQUIRED:
            if column not in values and column not in faulty:
                self._add(line, column, "", _("This cannot be left empty."))
        self._check_unnamed(line)
        self._check_dates(line, values)
        if self._problems.count > before:
            return None
        return Row(line=line.number, **{column.value: value for column, value in values.items()})

    def _values(self, line: Line) -> tuple[dict[Column, Any], set[Column]]:
        """Return what the cells say, and the columns whose cell cannot be taken."""
        values: dict[Column, Any] = {}
        faulty: set[Column] = set()
        for column, cell in zip(self._header.columns, line.cells, strict=False):
            if column is None or is_blank(cell):
                continue
            try:
                values[column] = self._value(column, cell)
            except BadValue as error:
                faulty.add(column)
                self._add(line, column, cell, error.reason)
        return values, faulty

    def _value(self, column: Column, cell: Cell) -> Any:
        if isinstance(cell, Broken):
            raise BadValue(cell.reason)
        return self._readers.get(column, _read_short)(cell)

    def _check_unnamed(self, line: Line) -> None:
        names = self._header.names
        if self._is_all_named and len(line.cells) <= len(names):
            return
        for place, cell in enumerate(line.cells):
            if (place >= len(names) or not names[place]) and not is_blank(cell):
                reason = _(
                    "This stands in a column without a name. Name the column in the header, or "
                    "put quotation marks around a text that holds the separator."
                )
                self._problems.add(Problem(reason, line.number, typed=shortened(cell)))
                return

    def _check_dates(self, line: Line, values: dict[Column, Any]) -> None:
        start, notice = values.get(Column.started_on), values.get(Column.notice_on)
        end = values.get(Column.end_on)
        if end and start and end < start:
            day = self._typed(line, Column.started_on)
            reason = _("The end is before the start (%(day)s).", day=day)
            self._add(line, Column.end_on, self._typed(line, Column.end_on), reason)
        if end and notice and notice > end:
            day = self._typed(line, Column.end_on)
            reason = _("The notice is after the end (%(day)s).", day=day)
            self._add(line, Column.notice_on, self._typed(line, Column.notice_on), reason)

    def _typed(self, line: Line, column: Column) -> str:
        return read_text(line.cells[self._header.columns.index(column)])

    def _add(self, line: Line, column: Column, typed: object, reason: str) -> None:
        name = self._header.name_of(column)
        self._problems.add(Problem(reason, line.number, name, shortened(typed)))


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


def _read_address(cell: Cell) -> str:
    return read_email(read_text(cell))


def _read_responsible(cell: Cell, known: frozenset[str]) -> str:
    address = read_email(read_text(cell)).casefold()
    if address not in known:
        raise BadValue(
            _("Nobody in the team has this address. Create their login first, then import.")
        )
    return address
