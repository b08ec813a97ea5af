"""Find the header of a table and say what is wrong with its columns. Reads no row below it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from flask_babel import gettext as _

from service.imports.rules.cells import Cell, Line, is_blank
from service.imports.rules.columns import (
    HEADER_WITHIN,
    REQUIRED,
    Column,
    CountKnown,
    column_called,
    count_known,
    resembling,
    shown,
)
from service.imports.rules.problems import Problem, Problems, Unreadable, shortened


@dataclass(frozen=True, slots=True)
class Header:
    """Which column stands where. `columns` has None where a name is unknown or missing."""

    line: int
    columns: list[Column | None]
    names: list[str]

    @property
    def is_complete(self) -> bool:
        """Whether every column that a row needs is there, so that rows can be read."""
        return all(column in self.columns for column in REQUIRED)

    def name_of(self, column: Column) -> str:
        """Return a column's name as the file spells it."""
        if column in self.columns:
            return self.names[self.columns.index(column)]
        return shown(column)


def find_header(lines: Iterator[Line]) -> tuple[Header, Iterator[Line]]:
    """Return the header and the lines below it; raises Unreadable when there is none."""
    best, below = locate(lines, count_known)
    if not count_known(best.cells):
        raise Unreadable(_no_header(best), best.number)
    names = names_in(best)
    return Header(best.number, [column_called(name) for name in names], names), below


def locate(lines: Iterator[Line], count: CountKnown) -> tuple[Line, Iterator[Line]]:
    """Return the line that names most columns, the first of several, and the lines below it.

    Raises Unreadable when there is no line at all.
    """
    first = list(islice((line for line in lines if not line.is_empty), HEADER_WITHIN))
    if not first:
        raise Unreadable(_("The file is empty."))
    best = max(first, key=lambda line: count(line.cells))
    return best, chain(first[first.index(best) + 1 :], lines)


def names_in(line: Line) -> list[str]:
    """Return what the cells of a header say; those without a name at its end are left out."""
    names = [_name(cell) for cell in line.cells]
    while names and not names[-1]:
        names.pop()
    return names


def check_header(header: Header, problems: Problems) -> None:
    """Add what is wrong with the columns: unknown ones, ones that come twice, ones missing."""
    seen: dict[Column, str] = {}
    for name, column in zip(header.names, header.columns, strict=True):
        if not name:
            continue
        if column is None:
            problems.add(Problem(_unknown(name), header.line, name))
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
            reason = _("The column “%(column)s” is missing.", column=shown(column))
            problems.add(Problem(reason, header.line))


def _name(cell: Cell) -> str:
    return "" if is_blank(cell) else shortened(cell)


def _unknown(name: str) -> str:
    alike = resembling(name)
    if alike:
        return str(
            _(
                "This column is not known. Did you mean %(columns)s? Rename it, or remove it.",
                columns=_(" or ").join(f"“{shown(column)}”" for column in alike),
            )
        )
    return str(
        _(
            "This column is not known. Remove it, or give it one of these names: %(columns)s.",
            columns=", ".join(shown(column) for column in Column),
        )
    )


def _no_header(line: Line) -> str:
    first = next((shortened(cell) for cell in line.cells if not is_blank(cell)), "")
    return str(
        _(
            "The first line has to name the columns, and it begins with “%(first)s”. Needed are "
            "%(columns)s.",
            first=first,
            columns=", ".join(f"“{shown(column)}”" for column in REQUIRED),
        )
    )
