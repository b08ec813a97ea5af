"""Whom a newsletter reaches and whom it does not, and why: counted and listed before it goes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from service.clock import now
from service.current import company
from service.extensions import db
from service.models import Audience, Client, Departure, SkipReason
from service.newsletters.queries import audiences
from service.newsletters.queries.audiences import Reader
from service.paging import PER_PAGE, Page, page_within

MOST_CHOICES = 200  # services and groups that a form offers


@dataclass(frozen=True, slots=True)
class Reach:
    """Everybody whom an audience fits."""

    readers: Sequence[Reader]

    @property
    def getting(self) -> list[Reader]:
        """Those who get it."""
        return [reader for reader in self.readers if reader.why_not is None]

    @property
    def by_reason(self) -> list[tuple[SkipReason, int]]:
        """How many do not get it, by the reason, the most first."""
        counted = Counter(one.why_not for one in self.readers if one.why_not is not None)
        return counted.most_common()

    def by_language(self, languages: Sequence[str]) -> dict[str, int]:
        """How many read in each of their languages; those it is not written in come as well."""
        counted = Counter(reader.language for reader in self.getting)
        return {
            code: counted[code] for code in sorted(counted, key=lambda c: (c not in languages, c))
        }

    def page(self, reason: SkipReason | None, words: str, number: int) -> Page[Reader]:
        """Return a page of those who get it, or who do not for `reason`; `words` narrow it down."""
        wanted = words.casefold().strip()
        found = [
            one
            for one in self.readers
            if one.why_not is reason
            and (not wanted or wanted in f"{one.name} {one.email} {one.client}".casefold())
        ]
        at = page_within(number, len(found))
        return Page(found[(at - 1) * PER_PAGE : at * PER_PAGE], len(found), at)


def reach(audience: Audience) -> Reach:
    """Return whom `audience` fits now."""
    return Reach(audiences.readers(audience, company(), now()))


def services() -> list[str]:
    """Return the services of clients and departures, to choose from."""
    of_clients = select(Client.service).where(Client.service != "")
    both = of_clients.union(select(Departure.service).where(Departure.service != ""))
    return sorted(db.session.scalars(both.limit(MOST_CHOICES)))
