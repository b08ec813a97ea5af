"""What decided about a mail, as its row keeps it (`outbox.decision`), and how that changes.

Facts only: codes, ids, days, and the names of protocols and greetings as they were then. Nothing
that a client wrote, and no name or address of a person, so an erasure has nothing to empty here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from typing import cast as cast_type

from sqlalchemy import JSON, ColumnElement, Table, Text, cast, func, literal, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from service.extensions import db
from service.models.clients import Basis
from service.models.greetings import Circle, Occasion
from service.models.outbox import OutboxMessage, SkipReason, WaitReason
from service.models.steps import Condition, Step, from_plain, plain
from service.models.suppressions import SuppressionReason, SuppressionScope

SAME_WAIT = timedelta(minutes=1)  # a wait that begins so soon after one of its kind prolongs it


class Did(StrEnum):
    """What a person did about one mail."""

    sent = "sent"
    skipped = "skipped"
    stopped = "stopped"
    sent_again = "sent_again"
    sent_after_all = "sent_after_all"
    said_it_arrived = "said_it_arrived"
    held = "held"
    released = "released"


@dataclass(frozen=True, slots=True)
class Hand:
    """What a person did about one mail, when; `by` is the id of the team member."""

    did: Did
    at: datetime
    by: int | None = None

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """Return what as_json() made of one."""
        return cls(Did(kept["did"]), datetime.fromisoformat(kept["at"]), kept.get("by"))


@dataclass(frozen=True, slots=True)
class Waited:
    """Why a mail that was due did not go yet, from when until when."""

    why: WaitReason
    since: datetime
    until: datetime

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """Return what as_json() made of one."""
        since, until = (datetime.fromisoformat(kept[name]) for name in ("since", "until"))
        return cls(WaitReason(kept["why"]), since, until)


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a mail did not go, with the fact behind it as far as one is known.

    `at` is the moment of that fact and `by` the id of the team member who caused or recorded it:
    an answer, a no, a stop, a suppression. `listed` is the suppression's public id. `left_on` is
    the day on which the contact left, and `last_on` the last day to write to them without a yes.
    """

    reason: SkipReason
    at: datetime | None = None
    by: int | None = None
    source: str = ""  # how a no or a suppression came in
    why: SuppressionReason | None = None
    scope: SuppressionScope | None = None
    listed: str = ""
    left_on: date | None = None
    last_on: date | None = None
    protocol: str = ""  # the name of the one that the departure was put on

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """Return what as_json() made of one."""
        return cls(
            SkipReason(kept["reason"]),
            at=_moment(kept.get("at")),
            by=kept.get("by"),
            source=kept.get("source", ""),
            why=SuppressionReason(kept["why"]) if "why" in kept else None,
            scope=SuppressionScope(kept["scope"]) if "scope" in kept else None,
            listed=kept.get("listed", ""),
            left_on=_day(kept.get("left_on")),
            last_on=_day(kept.get("last_on")),
            protocol=kept.get("protocol", ""),
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What asked for a mail, when that was to be, and what was decided about it since.

    A protocol, a greeting or an event asks; `about` names the row that an event is about, such as
    ``response:12``. `step` is the whole step as it was then, and `after` the title of the one that
    it counts from. `day` is the day that it counts from, in `zone`; of a greeting, its own day.
    """

    due: datetime | None = None  # the first time it was to go
    about: str = ""
    by: int | None = None  # the team member who asked for it
    protocol: str = ""  # its public id, or which of the built-in ones it is
    greeting: str = ""  # its public id
    name: str = ""  # of the protocol or the greeting; empty: the name of the built-in one
    version: int | None = None  # of the protocol
    step: Step | None = None
    after: str = ""
    day: date | None = None
    zone: str = ""
    is_late: bool = False  # its time had passed when the departure was recorded
    conditions: tuple[Condition, ...] = ()  # in the order in which they are asked
    occasion: Occasion | None = None
    circle: Circle | None = None
    basis: Basis | None = None  # what writing to them rested on …
    since: date | None = None  # … and since when; of a consent a moment
    refused: Skip | None = None
    waits: tuple[Waited, ...] = ()
    hands: tuple[Hand, ...] = ()

    def waiting(self, why: WaitReason, since: datetime, until: datetime) -> Self:
        """Return it with a wait more, or with the last one prolonged when it goes on."""
        last = self.waits[-1] if self.waits else None
        if last is not None and last.why is why and since - last.until <= SAME_WAIT:
            return replace(self, waits=(*self.waits[:-1], replace(last, until=until)))
        return replace(self, waits=(*self.waits, Waited(why, since, until)))

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Self:
        """Return what as_json() wrote; an empty one for None."""
        kept, since = kept or {}, str((kept or {}).get("since", ""))
        return cls(
            due=_moment(kept.get("due")),
            about=kept.get("about", ""),
            by=kept.get("by"),
            protocol=kept.get("protocol", ""),
            greeting=kept.get("greeting", ""),
            name=kept.get("name", ""),
            version=kept.get("version"),
            step=from_plain(kept["step"]) if "step" in kept else None,
            after=kept.get("after", ""),
            day=_day(kept.get("day")),
            zone=kept.get("zone", ""),
            is_late=kept.get("is_late", False),
            conditions=tuple(Condition(name) for name in kept.get("conditions", ())),
            occasion=Occasion(kept["occasion"]) if "occasion" in kept else None,
            circle=Circle(kept["circle"]) if "circle" in kept else None,
            basis=Basis(kept["basis"]) if "basis" in kept else None,
            since=_moment(since) if "T" in since else _day(since),
            refused=Skip.of(kept["refused"]) if "refused" in kept else None,
            waits=tuple(map(Waited.of, kept.get("waits", ()))),
            hands=tuple(map(Hand.of, kept.get("hands", ()))),
        )


def as_json(kept: Decision | Skip | Waited | Hand) -> dict[str, Any]:
    """Return a decision, or a part of one, as values of JSON; what is empty is left out."""
    values = {each.name: _plain(getattr(kept, each.name)) for each in fields(kept)}
    return {name: value for name, value in values.items() if value not in ("", None, False, [])}


def _jsonb(text: str) -> ColumnElement[Any]:
    return cast(literal(text, Text()), JSONB)


_OUTBOX = cast_type(Table, OutboxMessage.__table__)
_SQLITE = func.coalesce(type_coerce(_OUTBOX.c.decision, Text), "{}")
_POSTGRES = func.coalesce(cast(_OUTBOX.c.decision, JSONB), _jsonb("{}"))


def with_hand(hand: Hand) -> ColumnElement[Any]:
    """Return the SQL value of `decision` with `hand` at its end: for an UPDATE of any number."""
    entry = json.dumps(as_json(hand))
    if db.engine.name == "postgresql":
        before = func.coalesce(_POSTGRES.op("->")("hands"), _jsonb("[]"))
        hands = func.jsonb_build_object("hands", before.op("||")(_jsonb(entry)))
        return cast(_POSTGRES.op("||")(hands), JSON)
    before = func.coalesce(func.json_extract(_SQLITE, "$.hands"), "[]")
    hands = func.json(func.json_insert(before, "$[#]", func.json(entry)))
    return func.json_set(_SQLITE, "$.hands", hands, type_=Text())


def with_skip(skip: Skip) -> ColumnElement[Any]:
    """Return the SQL value of `decision` with `skip`: for an UPDATE of any number of rows."""
    entry = json.dumps(as_json(skip))
    if db.engine.name == "postgresql":
        refused = func.jsonb_build_object("refused", _jsonb(entry))
        return cast(_POSTGRES.op("||")(refused), JSON)
    return func.json_set(_SQLITE, "$.refused", func.json(entry), type_=Text())


def each_of(decisions: Mapping[int, Decision]) -> ColumnElement[Any]:
    """Return the SQL value of `decision` of each row by its id, however many, in one parameter."""
    entries = literal(json.dumps({key: as_json(one) for key, one in decisions.items()}), Text())
    text = cast(entries, JSON) if db.engine.name == "postgresql" else entries
    each = func.json_each(text).table_valued("key", "value")
    own = select(each.c.value).where(each.c.key == cast(_OUTBOX.c.id, Text))
    return own.correlate(_OUTBOX).scalar_subquery()


def _plain(value: Any) -> Any:
    if isinstance(value, Step):
        return plain(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, date):  # a moment, too
        return value.isoformat()
    if isinstance(value, Skip | Waited | Hand):
        return as_json(value)
    return value.value if isinstance(value, StrEnum) else value


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
