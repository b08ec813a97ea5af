"""Compare the rows of one file with each other: what contradicts, repeats or would be lost."""

import re
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _

from service.imports.rules.problems import Problem, Problems, shortened
from service.imports.rules.rows import Row
from service.models.clients import name_key

# UTF-8 that some program before us took for Windows-1252: “MuÃ±oz”.
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


@dataclass(slots=True)
class Comparison:
    """What the rows seen so far say. `problems` stop the import, `warnings` only tell."""

    problems: Problems
    warnings: Problems
    _rows: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _leaving: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    _addresses: dict[str, Row] = field(default_factory=dict)
    _of_client: dict[tuple[str, str], tuple[Any, int]] = field(default_factory=dict)
    _of_contact: dict[tuple[Any, ...], tuple[Any, int]] = field(default_factory=dict)

    def see(self, row: Row) -> bool:
        """Compare `row` with those before it; False when it repeats one of them."""
        key = (*row.contact_key, name_key(row.service), row.notice_on, row.end_on)
        first = self._rows.setdefault(key, row.line)
        if first != row.line:
            reason = _(
                "This repeats line %(line)s: the same client, address, service and dates.",
                line=first,
            )
            self.problems.add(Problem(reason, row.line, typed=shortened(row.client)))
            return False
        self._see_address(row)
        self._see_departure(row)
        self._see_values(row)
        if _GARBLED.search(f"{row.client}\n{row.contact}"):
            self._warn(row, row.client, _("This name looks garbled; check the file's accents."))
        return True

    def _see_address(self, row: Row) -> None:
        first = self._addresses.setdefault(row.email.casefold(), row)
        if first.client_key != row.client_key:
            reason = _(
                "This address is also that of a contact of “%(client)s” (line %(line)s). Both are "
                "kept; each gets its own mails.",
                client=first.client,
                line=first.line,
            )
            self._warn(row, row.email, reason)

    def _see_departure(self, row: Row) -> None:
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

    def _see_values(self, row: Row) -> None:
        of_client = OF_CLIENT if row.is_departure else OF_CLIENT + OF_CLIENT_OR_DEPARTURE
        for name in of_client:
            self._see_value(row, self._of_client, row.client_key, name)
        for name in OF_CONTACT:
            self._see_value(row, self._of_contact, row.contact_key, name)

    def _see_value(self, row: Row, seen: dict[Any, tuple[Any, int]], key: Any, name: str) -> None:
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
