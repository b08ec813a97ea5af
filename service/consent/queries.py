"""The list of suppressions, the log of an address, and why a mail was suppressed. Reads only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import joinedload

from service.exports.tables import Cell, Table
from service.extensions import db
from service.labels import why_suppressed
from service.mail.kinds import RULES
from service.mail.policy import suppressions
from service.models import (
    MailKind,
    Suppression,
    SuppressionChange,
    SuppressionReason,
    SuppressionScope,
    TeamMember,
)
from service.paging import Page, cut, page_within

SORTS: dict[str, Any] = {
    "address": func.lower(Suppression.address),
    "reason": Suppression.reason,
    "scope": Suppression.scope,
    "created": Suppression.created_at,
}
NEWEST = "-created"
COLUMNS = ["email", "scope", "reason", "date", "source", "note", "by", "hash"]
CHUNK = 1000
COUNTED = 10_000  # rows; counting ends there, since nobody turns that many pages


@dataclass(frozen=True, slots=True)
class Query:
    """Which suppressions to list: a part of the address, a reason, a scope; and the order."""

    q: str = ""
    reason: SuppressionReason | None = None
    scope: SuppressionScope | None = None
    sort: str = NEWEST

    @property
    def is_narrowed(self) -> bool:
        """Whether the query filters the list."""
        return bool(self.q or self.reason or self.scope)


def page(query: Query, number: int) -> Page[Suppression]:
    """Return a page of the suppressions that `query` asks for."""
    conditions = _conditions(query)
    some = select(Suppression.id).where(*conditions).limit(COUNTED)
    count = db.session.scalar(select(func.count()).select_from(some.subquery())) or 0
    number = page_within(number, count)
    column = SORTS.get(query.sort.removeprefix("-"), Suppression.created_at)
    is_down = query.sort.startswith("-") or query.sort.removeprefix("-") not in SORTS
    ordered = column.desc() if is_down else column.asc()
    rows = db.session.scalars(
        cut(
            select(Suppression)
            .where(*conditions)
            .options(joinedload(Suppression.member))
            .order_by(ordered.nulls_last(), Suppression.id.desc()),
            number,
        )
    )
    return Page(rows.all(), count, number)


def newest_before(before: int | None, most: int) -> Sequence[Suppression]:
    """Return up to `most` rows with an id below `before`, the newest first."""
    query = select(Suppression).order_by(Suppression.id.desc()).limit(most)
    return db.session.scalars(
        query if before is None else query.where(Suppression.id < before)
    ).all()


def find(public_id: str) -> Suppression | None:
    """Return one suppression, or None."""
    query = select(Suppression).where(Suppression.public_id == public_id)
    return db.session.scalar(query.options(joinedload(Suppression.member)))


def log_of(row: Suppression) -> Sequence[SuppressionChange]:
    """Return the log of the address of `row`, the latest change first."""
    hashes = suppressions.address_hashes(row.address) if row.address else []
    return _log({row.address_hash, *hashes})


def log_of_address(email: str) -> Sequence[SuppressionChange]:
    """Return the log of `email`, the latest change first, even if it is no longer on the list."""
    return _log(suppressions.address_hashes(email)) if "@" in email else []


def others_of(row: Suppression) -> Sequence[Suppression]:
    """Return the other suppressions of the same address."""
    hashes = suppressions.address_hashes(row.address) if row.address else []
    query = select(Suppression).where(
        Suppression.address_hash.in_({row.address_hash, *hashes}), Suppression.id != row.id
    )
    return db.session.scalars(query.order_by(Suppression.id)).all()


def reasons_by_kind(email: str) -> dict[MailKind, str]:
    """Return why, for each kind of mail that the list stops for `email`; one statement."""
    rows = suppressions.of(email)
    stopping = {kind: suppressions.stopping(rows, rules) for kind, rules in RULES.items()}
    return {kind: why_suppressed(row.reason) for kind, row in stopping.items() if row}


def _log(hashes: Iterable[str]) -> Sequence[SuppressionChange]:
    query = (
        select(SuppressionChange)
        .where(SuppressionChange.address_hash.in_(hashes))
        .options(joinedload(SuppressionChange.member))
        .order_by(SuppressionChange.at.desc(), SuppressionChange.id.desc())
        .limit(200)
    )
    return db.session.scalars(query).all()


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    """Return the conditions of `query`; a whole address is found by its hash too, erased or not."""
    conditions: list[ColumnElement[bool]] = []
    if query.q:
        holds: ColumnElement[bool] = Suppression.address.icontains(query.q, autoescape=True)
        if "@" in query.q:
            hashes = suppressions.address_hashes(query.q)
            holds = or_(holds, Suppression.address_hash.in_(hashes))
        conditions.append(holds)
    if query.reason:
        conditions.append(Suppression.reason == query.reason)
    if query.scope:
        conditions.append(Suppression.scope == query.scope)
    return conditions


def table(zone: ZoneInfo) -> Table:
    """Return the whole list as a table that an import reads back; moments are in `zone`.

    The column names are the same in every language, for scripts.
    """
    count = db.session.scalar(select(func.count(Suppression.id))) or 0
    return Table(COLUMNS, count, _rows(zone))


def _rows(zone: ZoneInfo) -> Iterator[list[Cell]]:
    """Yield a row for each suppression, the oldest first, with one chunk in memory."""
    last = 0
    one = Suppression
    columns = (one.address, one.scope, one.reason, one.created_at, one.source, one.detail)
    query = (
        select(one.id, one.address_hash, TeamMember.email, *columns)
        .outerjoin(TeamMember, TeamMember.id == one.provider_id)
        .order_by(one.id)
        .limit(CHUNK)
    )
    while rows := db.session.execute(query.where(one.id > last)).all():
        for id_, hashed, by, address, scope, reason, created_at, source, detail in rows:
            last = id_
            at, erased = created_at.astimezone(zone), None if address else hashed
            yield [address, scope.value, reason.value, at, source, detail, by, erased]
