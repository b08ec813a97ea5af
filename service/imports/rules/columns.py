"""The columns of a client list, by their English and Spanish names, and its header row."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from itertools import chain, islice

from flask_babel import gettext as _

from service.imports.rules.problems import Problem, Problems, shortened
from service.spreadsheets.tables import (
    HEADER_WITHIN,
    RawRow,
    Unreadable,
    count_names,
    is_blank,
    normalized,
)


class Column(StrEnum):
    """The columns of a client list, in the order of the example file."""

    client = "client"
    contact = "contact"
    email = "email"
    language = "language"
    phone = "phone"
    group = "group"
    service = "service"
    started_on = "started_on"
    notice_on = "notice_on"
    end_on = "end_on"
    reasons = "reasons"
    responsible = "responsible"
    monthly_value = "monthly_value"
    acquisition_cost = "acquisition_cost"
    margin = "margin"
    keep_in_touch = "keep_in_touch"
    notes = "notes"


REQUIRED = (Column.client, Column.contact, Column.email)

SPANISH = {
    Column.client: "cliente",
    Column.contact: "contacto",
    Column.email: "email",
    Column.language: "idioma",
    Column.phone: "teléfono",
    Column.group: "grupo",
    Column.service: "servicio",
    Column.started_on: "inicio",
    Column.notice_on: "aviso",
    Column.end_on: "fin",
    Column.reasons: "motivos",
    Column.responsible: "responsable",
    Column.monthly_value: "cuota",
    Column.acquisition_cost: "coste_captacion",
    Column.margin: "margen",
    Column.keep_in_touch: "mantener_contacto",
    Column.notes: "notas",
}

# Other names that real lists use for the same column and for no other.
ALSO = {
    "correo": Column.email,
    "correo electrónico": Column.email,
    "mail": Column.email,
    "coste de captación": Column.acquisition_cost,
    "cuota mensual": Column.monthly_value,
    "fecha de inicio": Column.started_on,
    "fecha de aviso": Column.notice_on,
    "fecha de fin": Column.end_on,
    "motivo": Column.reasons,
    "reason": Column.reasons,
}


NAMES: dict[str, Column] = {
    **{normalized(column): column for column in Column},
    **{normalized(name): column for column, name in SPANISH.items()},
    **{normalized(name): column for name, column in ALSO.items()},
}


def column_called(header: str) -> Column | None:
    """Return the column of this name, or None when there is none."""
    return NAMES.get(normalized(header))


def both_names(column: Column) -> str:
    """Return both names of a column, as a message shows them: ``client / cliente``."""
    spanish = SPANISH[column]
    return column.value if spanish == column else f"{column} / {spanish}"


def similar_columns(header: str) -> list[Column]:
    """Return the columns whose names look most like `header`, best first, at most two."""
    close = get_close_matches(normalized(header), NAMES, n=4, cutoff=0.6)
    return list(dict.fromkeys(NAMES[name] for name in close))[:2]


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a file in order; None where a name is missing or unknown."""

    line: int
    columns: list[Column | None]
    names: list[str]

    @property
    def is_complete(self) -> bool:
        """Whether all required columns are there, so that rows can be read."""
        return all(column in self.columns for column in REQUIRED)

    def name_of(self, column: Column) -> str:
        """Return a column's name as the file spells it."""
        if column in self.columns:
            return self.names[self.columns.index(column)]
        return both_names(column)


def find_header(rows: Iterator[RawRow]) -> tuple[Header, Iterator[RawRow]]:
    """Return the header and the rows below it; raises Unreadable when there is none."""
    best, below = find_header_row(rows, NAMES)
    if not count_names(best.cells, NAMES):
        raise _no_header(best)
    names = header_names(best)
    return Header(best.number, [column_called(name) for name in names], names), below


def find_header_row(
    rows: Iterator[RawRow], names: Collection[str]
) -> tuple[RawRow, Iterator[RawRow]]:
    """Return the first row with the most of the column `names`, and the rows below it.

    Raises Unreadable when all rows are empty.
    """
    first = list(islice((row for row in rows if not row.is_empty), HEADER_WITHIN))
    if not first:
        raise Unreadable("The file is empty.")
    best = max(first, key=lambda row: count_names(row.cells, names))
    return best, chain(first[first.index(best) + 1 :], rows)


def header_names(row: RawRow) -> list[str]:
    """Return the names in a header row, without empty ones at its end."""
    names = ["" if is_blank(cell) else shortened(cell) for cell in row.cells]
    while names and not names[-1]:
        names.pop()
    return names


def check_header(header: Header, problems: Problems) -> None:
    """Add a problem for each column that is unknown, comes twice or is missing."""
    seen: dict[Column, str] = {}
    for name, column in zip(header.names, header.columns, strict=True):
        if not name:
            continue
        if column is None:
            problems.add(Problem(_unknown_message(name), header.line, name))
        elif column in seen:
            reason = _(
                "“%(one)s” and “%(other)s” are the same column. Leave one of them.",
                one=seen[column],
                other=name,
            )
            problems.add(Problem(reason, header.line, name))
        else:
            seen[column] = name
    for column in REQUIRED:
        if column not in seen:
            reason = _("The column “%(column)s” is missing.", column=both_names(column))
            problems.add(Problem(reason, header.line))


def _unknown_message(name: str) -> str:
    alike = similar_columns(name)
    if alike:
        return str(
            _(
                "This column is not known. Did you mean %(columns)s? Rename it, or remove it.",
                columns=_(" or ").join(f"“{both_names(column)}”" for column in alike),
            )
        )
    return str(
        _(
            "This column is not known. Remove it, or give it one of these names: %(columns)s.",
            columns=", ".join(both_names(column) for column in Column),
        )
    )


def _no_header(row: RawRow) -> Unreadable:
    return Unreadable(
        "The first line has to name the columns, and it begins with “%(first)s”. Needed are "
        "%(columns)s.",
        row.number,
        first=next((shortened(cell) for cell in row.cells if not is_blank(cell)), ""),
        columns=", ".join(f"“{both_names(column)}”" for column in REQUIRED),
    )
