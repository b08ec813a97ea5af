"""Read a line of such a list as one address with its reason, and add what is wrong with it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, TypeVar

from flask_babel import force_locale
from flask_babel import gettext as _

from service.config import LANGUAGES
from service.imports.rules.cells import Broken, Cell, Line, is_blank
from service.imports.rules.columns import plain
from service.imports.rules.emails import read_email
from service.imports.rules.moments import read_moment
from service.imports.rules.problems import BadValue, Problem, Problems, shortened
from service.imports.rules.suppressions.columns import Column, Header
from service.imports.rules.values import read_lines, read_text
from service.labels import reason_of_suppression, scope_of_suppression
from service.models import SuppressionReason, SuppressionScope

MOST_WORDS = 2000
_HASH = re.compile(r"[0-9a-f]{64}")
_NEUTRAL = re.compile(r"^'(?=[=+@-])")  # what an export puts before a would-be formula
_SPAM = re.compile(r"\b(spam|abuse)\b", re.IGNORECASE)
_DEAD = (SuppressionReason.hard_bounce, SuppressionReason.soft_bounces)
Member = TypeVar("Member", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Entry:
    """One address that is to get no mail. Of an erased one there is only the hash."""

    line: int
    email: str
    address_hash: str
    reason: SuppressionReason
    scope: SuppressionScope
    at: datetime | None
    words: str


class RowReader:
    """Reads the lines below one header, and adds what is wrong with them to `problems`."""

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
        self._zone = UTC if header.tools else zone  # other tools write UTC
        self._reasons = _called(SuppressionReason, reason_of_suppression)
        self._scopes = _called(SuppressionScope, scope_of_suppression)

    def read(self, line: Line) -> Entry | None:
        """Return what `line` says, or None when something in it is wrong."""
        before = self._problems.count
        email, hashed = self._who(line)
        reason, scope, at, words = self._of_tool(line) if self._header.tools else self._own(line)
        self._check_unnamed(line)
        if self._problems.count > before:
            return None
        return Entry(line.number, email, hashed, reason, scope, at, words[:MOST_WORDS])

    def _who(self, line: Line) -> tuple[str, str]:
        email = self._value(line, Column.email, _read_address)
        if email is not None:
            return email, ""
        hashed = self._value(line, Column.hash, _read_hash)
        place = self._header.own.get(Column.email, len(self._header.names))
        if hashed is None and is_blank(_cell(line, place)):
            self._add(line, place, "", _("This cannot be left empty."))
        return "", hashed or ""

    def _own(self, line: Line) -> tuple[SuppressionReason, SuppressionScope, datetime | None, str]:
        reason = self._value(line, Column.reason, lambda cell: _member(cell, self._reasons))
        reason = reason or SuppressionReason.imported
        usual = SuppressionScope.everything if reason in _DEAD else SuppressionScope.unasked
        scope = self._value(line, Column.scope, lambda cell: _member(cell, self._scopes))
        at = self._value(line, Column.date, self._moment)
        return reason, scope or usual, at, self._value(line, Column.note, _read_note) or ""

    def _of_tool(
        self, line: Line
    ) -> tuple[SuppressionReason, SuppressionScope, datetime | None, str]:
        """Read by the first column of the tool's that says when; one without may get mail."""
        filled = [place for place in self._header.tools if not is_blank(_cell(line, place))]
        place = filled[0] if filled else next(iter(self._header.tools))
        tool = self._header.tools[place]
        if not filled:
            reason = _(
                "Nothing says here when they left, so this may be somebody who gets mail. Write a "
                "date, or remove the row."
            )
            self._add(line, place, "", reason)
        at = self._read(line, place, self._moment)
        cells = (read_text(_cell(line, words)) for words in self._header.words)
        said = " · ".join(text for text in cells if text)
        is_spam = tool.reason is SuppressionReason.unsubscribed and _SPAM.search(said)
        return SuppressionReason.complaint if is_spam else tool.reason, tool.scope, at, said

    def _moment(self, cell: Cell) -> datetime:
        return read_moment(cell, self._zone, self._at, self._epoch)

    def _value(self, line: Line, column: Column, reader: Any) -> Any:
        place = self._header.own.get(column)
        return None if place is None else self._read(line, place, reader)

    def _read(self, line: Line, place: int, reader: Any) -> Any:
        cell = _cell(line, place)
        if is_blank(cell):
            return None
        try:
            if isinstance(cell, Broken):
                raise BadValue(cell.reason)
            return reader(cell)
        except BadValue as error:
            self._add(line, place, cell, error.reason)
            return None

    def _check_unnamed(self, line: Line) -> None:
        for cell in line.cells[len(self._header.names) :]:
            if not is_blank(cell):
                reason = _(
                    "This stands in a column without a name. Name the column in the header, or "
                    "put quotation marks around a text that holds the separator."
                )
                self._problems.add(Problem(reason, line.number, typed=shortened(cell)))
                return

    def _add(self, line: Line, place: int, typed: object, reason: str) -> None:
        name = self._header.name_at(place)
        self._problems.add(Problem(reason, line.number, name, shortened(typed)))


def _cell(line: Line, place: int) -> Cell:
    return line.cells[place] if place < len(line.cells) else None


def _read_address(cell: Cell) -> str:
    return read_email(_NEUTRAL.sub("", read_text(cell)))


def _read_note(cell: Cell) -> str:
    return _NEUTRAL.sub("", read_lines(cell))


def _read_hash(cell: Cell) -> str:
    text = read_text(cell).lower()
    if not _HASH.fullmatch(text):
        raise BadValue(_("This is no hash of an address. Leave it as the export wrote it."))
    return text


def _called(kind: Iterable[Member], name: Any) -> dict[str, Member]:
    """Return the members by their code, and by their name in every language."""
    members = list(kind)
    found = {plain(member): member for member in members}
    for language in LANGUAGES:
        with force_locale(language):
            found |= {plain(name(member)): member for member in members}
    return found


def _member(cell: Cell, called: Mapping[str, Member]) -> Member:
    member = called.get(plain(read_text(cell)))
    if member is None:
        codes = ", ".join(dict.fromkeys(member.value for member in called.values()))
        raise BadValue(_("Write one of these: %(codes)s.", codes=codes))
    return member
