"""The facts that sentences of mails to contacts stand on, true at the moment a mail is rendered.

A sentence in `templates/email/<kind>/body.md` that would not always be true stands under the fact
that it claims, by the name that the fact has here (`{% if has_ended %}`). Mails wait: for hours
that are decent, for a server that is down. So nothing here is kept with the row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from service.clock import now
from service.mail.rendering import built_in_texts
from service.mail.rendering.related_rows import MailContext
from service.models import Company, Departure, MailState, Reason, Stage
from service.models.clients import name_key
from service.models.greetings import Occasion
from service.yearly import key_of, keys_on, years_since

A_FEW_DAYS = range(2, 11)
A_WHILE = timedelta(days=21)
AROUND = timedelta(days=7)  # a greeting goes at most so long before its day


@dataclass(frozen=True, slots=True)
class Facts:
    """Each public property is a fact: whether what its docstring says is so of a mail."""

    _context: MailContext
    _zone: ZoneInfo  # the company's, in which the days of a departure are counted
    _theirs: ZoneInfo  # the reader's, in which they read "today"

    @property
    def has_ended(self) -> bool:
        """The end date has passed, here and where the reader is."""
        return self._end is not None and self._end < min(self._today, self._their_today)

    @property
    def ends_later(self) -> bool:
        """The end date is still to come, here and where the reader is."""
        return self._end is not None and self._end > max(self._today, self._their_today)

    @property
    def is_part(self) -> bool:
        """Another service of the client goes on when the one of the departure ends."""
        departure = self._context.row.departure
        ours = name_key(departure.service) if departure else ""
        if departure is None or not ours:
            return False
        had = {name_key(departure.client.service)}
        had |= {name_key(other.service) for other in self._context.others}
        ended = {name_key(other.service) for other in self._context.others if self._is_gone(other)}
        return bool(had - ended - {ours, ""})

    @property
    def ended_by_us(self) -> bool:
        """It was us who ended the work together."""
        departure = self._context.row.departure
        return departure is not None and Reason.ended_by_us in departure.reasons

    @property
    def is_closed(self) -> bool:
        """The departure is closed."""
        departure = self._context.row.departure
        return departure is not None and departure.stage is Stage.closed

    @property
    def was_asked(self) -> bool:
        """The mail that this one reminds of has gone."""
        return self._asked_at is not None

    @property
    def asked_lately(self) -> bool:
        """The mail that this one reminds of went a few days ago."""
        if self._asked_at is None:
            return False
        return (self._today - self._asked_at.astimezone(self._zone).date()).days in A_FEW_DAYS

    @property
    def has_answered(self) -> bool:
        """The reader has sent an answer to the survey."""
        response = self._context.response
        return response is not None and response.submitted_at is not None

    @property
    def went_badly(self) -> bool:
        """The reader's answer said that something failed."""
        return self._context.response is not None and self._context.response.needs_recovery

    @property
    def was_long_ago(self) -> bool:
        """All work together ended some weeks ago or more, and has not begun again."""
        departure = self._context.row.departure
        if departure is None or departure.is_over or self.is_part or self._end is None:
            return False
        return self._end <= self._today - A_WHILE

    @property
    def is_the_day(self) -> bool:
        """It is the birthday or the anniversary of the greeting where the reader is."""
        key = self._key_of_greeting
        return key is not None and key in keys_on(self._their_today)

    @property
    def _end(self) -> date | None:
        departure = self._context.row.departure
        return departure.end_on if departure else None

    @property
    def _today(self) -> date:
        return now().astimezone(self._zone).date()

    @property
    def _their_today(self) -> date:
        return now().astimezone(self._theirs).date()

    @property
    def _asked_at(self) -> datetime | None:
        asked = self._context.row.reply_to
        return asked.ended_at if asked and asked.state is MailState.sent else None

    @property
    def _key_of_greeting(self) -> str | None:
        row = self._context.row
        if row.contact is None:
            return None
        if (row.context or {}).get("occasion") == Occasion.birthday:
            return row.contact.birthday
        start = row.contact.client.started_on
        return key_of(start) if start else None

    def _is_gone(self, other: Departure) -> bool:
        """Return whether the service of another departure has ended, or ends with ours."""
        if other.is_over:
            return False
        if other.end_on is None:
            return other.stage is Stage.closed
        return other.end_on <= max(self._today, self._end or self._today)


NAMES = frozenset(
    name
    for name, fact in vars(Facts).items()
    if isinstance(fact, property) and not name.startswith("_")
)


def of(context: MailContext, company: Company) -> Iterator[str]:
    """Yield the names of the facts that hold of those that the text of the mail asks for."""
    contact = context.row.contact
    if contact is None:
        return
    facts = Facts(context, company.zone, ZoneInfo(contact.zone(company.time_zone)))
    for name in NAMES & built_in_texts.asked(context.row.kind):
        if getattr(facts, name):
            yield name


def years_of(start: date | None, day: date) -> int:
    """Return which anniversary of `start` is around `day`; 0 of no day, or before the first."""
    return years_since(start, day + AROUND) if start else 0
