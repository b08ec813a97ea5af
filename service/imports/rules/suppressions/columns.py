"""The columns of a list of those who get no mail, ours and other tools'. Reads no row.

Mailchimp's exports of who unsubscribed or was cleaned, and lists that name the moment as Delighted
does, are known by the column that says when; of the rest of their columns only words are taken.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from flask_babel import gettext as _

from service.imports.rules.cells import Line
from service.imports.rules.columns import plain
from service.imports.rules.headers import locate, names_in
from service.imports.rules.problems import Problem, Problems, Unreadable, shortened
from service.models import SuppressionReason, SuppressionScope


class Column(StrEnum):
    """What a column of ours may hold."""

    email = "email"
    reason = "reason"
    scope = "scope"
    date = "date"
    note = "note"
    hash = "hash"  # of an erased address, as an export of ours has it


@dataclass(frozen=True, slots=True)
class Tool:
    """What it means that another tool says when an address left its list."""

    reason: SuppressionReason
    scope: SuppressionScope


UNSUBSCRIBED = Tool(SuppressionReason.unsubscribed, SuppressionScope.unasked)
DEAD = Tool(SuppressionReason.hard_bounce, SuppressionScope.everything)
TOOLS = {
    "unsubtime": UNSUBSCRIBED,  # UNSUB_TIME: Mailchimp, unsubscribed
    "cleantime": DEAD,  # CLEAN_TIME: Mailchimp, cleaned
    "unsubscribedat": UNSUBSCRIBED,  # Delighted, unsubscribed people
    "bouncedat": DEAD,  # Delighted, bounced people
}
WORDS = frozenset({"unsubreason", "unsubreasonother", "unsubcampaigntitle", "cleancampaigntitle"})
OF_MAILCHIMP = frozenset({"memberrating", "optintime", "confirmtime", "leid", "euid"})
NAMES = {
    **{plain(column): column for column in Column},
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
IGNORED = frozenset({"source", "by"})  # of our own export: what is imported has another source


@dataclass(frozen=True, slots=True)
class Header:
    """Which column stands where."""

    line: int
    names: list[str]
    own: dict[Column, int]
    tools: dict[int, Tool]
    words: list[int]

    def name_at(self, place: int) -> str:
        """Return a column's name as the file spells it."""
        return self.names[place] if place < len(self.names) else ""


def count_known(cells: Iterable[object]) -> int:
    """Return how much `cells` look like the header of such a list."""
    known = NAMES.keys() | TOOLS.keys() | OF_MAILCHIMP
    return sum(isinstance(cell, str) and plain(cell) in known for cell in cells)


def find_header(
    lines: Iterator[Line], problems: Problems, warnings: Problems
) -> tuple[Header, Iterator[Line]]:
    """Return the header and the lines below it, and add what is wrong with its columns.

    Raises Unreadable when there is no header.
    """
    best, below = locate(lines, count_known)
    if not count_known(best.cells):
        raise Unreadable(_no_header(best), best.number)
    names = names_in(best)
    keys = [plain(name) for name in names]
    own: dict[Column, int] = {}
    for place, key in enumerate(keys):
        if key in NAMES:
            own.setdefault(NAMES[key], place)
    header = Header(
        best.number,
        names,
        own,
        {place: TOOLS[key] for place, key in enumerate(keys) if key in TOOLS},
        [place for place, key in enumerate(keys) if key in WORDS],
    )
    _check(header, keys, problems, warnings)
    return header, below


def _check(header: Header, keys: list[str], problems: Problems, warnings: Problems) -> None:
    if Column.email not in header.own and Column.hash not in header.own:
        reason = _("The column “%(column)s” is missing.", column="email")
        problems.add(Problem(reason, header.line))
    if header.tools:
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


def _no_header(line: Line) -> str:
    first = next((shortened(cell) for cell in line.cells if cell is not None), "")
    return str(
        _(
            "The first line has to name the columns, and it begins with “%(first)s”. Needed is "
            "“email”; known are %(columns)s.",
            first=first,
            columns=SHOWN,
        )
    )
