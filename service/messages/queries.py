"""Find the mails that have a custom text, and whom a text can be previewed for. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, joinedload

from service.config import LANGUAGES
from service.extensions import db
from service.mail.kinds import RULES
from service.mail.rendering.placeholders import OF_NO_DEPARTURE
from service.mail.rendering.text_defaults import default
from service.mail.rendering.texts import Text
from service.models import Client, Contact, Departure, MailKind, MailText, Protocol
from service.protocols.rules.descriptions import protocol_name

SUGGESTED = 100  # people to choose from while typing; others are found by their name
# In the order in which a departure meets them.
ORDER = (
    MailKind.thank_you,
    MailKind.closing_letter,
    MailKind.survey_invitation,
    MailKind.survey_reminder_1,
    MailKind.survey_reminder_2,
    MailKind.testimonial_request,
    MailKind.testimonial_reminder,
    MailKind.door_open,
    MailKind.own_text,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text goes: a step by its name, or a kind; `title` is what the team calls it."""

    name: str
    kind: MailKind
    title: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose texts: those of one protocol, with its steps, or (without one) those of all."""

    protocol_id: int | None = None
    public_id: str = ""
    name: str = ""
    steps: tuple[Place, ...] = tuple(Place(kind, kind) for kind in ORDER)

    @property
    def address(self) -> dict[str, Any]:
        """What the addresses of its pages have besides."""
        return {"protocol": self.public_id} if self.public_id else {}

    @property
    def answers(self) -> list[Place]:
        """The places of the mails that no step sends."""
        sent = {place.kind for place in (*self.steps, *OF_ALL.steps)}
        return [Place(kind, kind) for kind in kinds() if kind not in sent]

    def place(self, name: str) -> Place | None:
        """Return the place of that name, if there is one."""
        return next((one for one in (*self.steps, *self.answers) if one.name == name), None)


OF_ALL = Scope()


@dataclass(frozen=True, slots=True)
class Line:
    """One mail and the rows that its texts are from, by language; those of the scope first."""

    place: Place
    own: dict[str, MailText]


def scope_of(public_id: str) -> Scope | None:
    """Return the texts of one protocol: the places are its steps as they are now."""
    row = db.session.scalar(
        select(Protocol).where(Protocol.public_id == public_id, Protocol.deleted_at.is_(None))
    )
    if row is None:
        return None
    steps = tuple(Place(step.name, step.kind, step.title) for step in row.steps)
    return Scope(row.id, row.public_id, protocol_name(row), steps)


def lines(scope: Scope) -> tuple[list[Line], list[Line]]:
    """Return the mails of the steps, then those that answer what a client did."""
    rows = db.session.scalars(
        select(MailText)
        .where(or_(MailText.protocol_id.is_(None), MailText.protocol_id == scope.protocol_id))
        .options(joinedload(MailText.member))
    )
    own = {(row.protocol_id, row.place, row.language): row for row in rows}
    steps, answers = (
        [Line(place, _rows_of(place, scope, own)) for place in group]
        for group in (scope.steps, scope.answers)
    )
    return steps, answers


def in_force(scope: Scope, place: Place, language: str) -> Text:
    """Return the text that goes out at `place` now: the scope's, that of all, or the built-in."""
    rows = _rows_at({place.name, str(place.kind)}, language)
    own = {(row.protocol_id, row.place): row for row in rows}
    row = own.get((scope.protocol_id, place.name)) or own.get((None, place.kind))
    return Text(row.subject, row.body) if row else default(place.kind, language)


def kinds() -> list[MailKind]:
    """Return the kinds that can have a custom text: all to clients but bulk mail, which has none
    that is built in."""
    return [
        kind for kind in MailKind if not RULES[kind].to_team and kind.value not in OF_NO_DEPARTURE
    ]


def _rows_of(
    place: Place, scope: Scope, own: dict[tuple[int | None, str, str], MailText]
) -> dict[str, MailText]:
    found = {}
    for language in LANGUAGES:
        ours = own.get((scope.protocol_id, place.name, language))
        row = ours or own.get((None, place.kind, language))
        if row is not None:
            found[language] = row
    return found


def _rows_at(places: set[str], language: str) -> Sequence[MailText]:
    query = select(MailText).where(MailText.place.in_(places), MailText.language == language)
    return db.session.scalars(query).all()


def people() -> list[str]:
    """Return whom the latest departures are of, as `departure_of` finds them."""
    rows = db.session.scalars(_departures().limit(SUGGESTED))
    return list(dict.fromkeys(named(row) for row in rows))


def named(departure: Departure) -> str:
    """Return how a departure is named in the list to choose from."""
    return f"{departure.contact.name} · {departure.client.name}"


def departure_of(words: str) -> Departure | None:
    """Return the latest departure whose contact or client holds `words`."""
    name, _dot, company = words.partition(" · ")
    if not name.strip():
        return None
    if company:
        both = (_holds(Contact.name, name), _holds(Client.name, company))
        return db.session.scalars(_departures().where(*both).limit(1)).first()
    either = or_(_holds(Contact.name, name), _holds(Client.name, name))
    return db.session.scalars(_departures().where(either).limit(1)).first()


def _departures() -> Select[Departure]:
    return (
        select(Departure)
        .join(Departure.contact)
        .join(Departure.client)
        .options(
            contains_eager(Departure.contact),
            contains_eager(Departure.client),
            joinedload(Departure.responsible),
        )
        .order_by(Departure.id.desc())
    )


def _holds(column: InstrumentedAttribute[str], words: str) -> ColumnElement[bool]:
    return column.icontains(" ".join(words.split())[:100], autoescape=True)
