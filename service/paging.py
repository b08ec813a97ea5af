"""Split a list into pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Generic, TypeVar

from sqlalchemy import Select

PER_PAGE = 25

Line = TypeVar("Line")
Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])


@dataclass(frozen=True, slots=True)
class Page(Generic[Line]):
    """One page of a list of `count` lines; pages are counted from 1."""

    lines: Sequence[Line]
    count: int
    page: int
    per_page: int = PER_PAGE

    @property
    def pages(self) -> int:
        """How many pages there are; an empty list has one."""
        return max(1, ceil(self.count / self.per_page))


def page_within(asked: int, count: int, per_page: int = PER_PAGE) -> int:
    """Return the page asked for; past the last one, the last."""
    return max(1, min(asked, ceil(count / per_page)))


def cut(query: Query, number: int, per_page: int = PER_PAGE) -> Query:
    """Return `query` for the rows of page `number` alone."""
    return query.limit(per_page).offset((number - 1) * per_page)
