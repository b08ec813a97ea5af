"""Find custom texts, the mails that can have one, and whom a text can be previewed for."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, joinedload

from service.config import LANGUAGES
from service.extensions import db
from service.mail.kinds import RULES
from service.mail.rendering.built_in_texts import default
from service.mail.rendering.custom_texts import Text
from service.mail.rendering.placeholders import OF_NO_DEPARTURE
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
    """Where a text goes: `name` is a step's name or a kind; `title` is what the team calls it."""

    name: str
    kind: MailKind
    title: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose texts: those of one protocol, with its steps, or those of all protocols."""

    protocol_id: int | None = None
    public_id: str = ""
    name: str = ""
    steps: tuple[Place, ...] = tuple(Place(kind, kind) for kind in ORDER)

    @property
    def address(self) -> dict[str, Any]:
        """The part of its pages' addresses that names the protocol."""
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
class PlaceTexts:
    """One mail and its custom texts by language.

    Where a protocol has no text of its own, the text is that of all protocols: `shared`.
    """

    place: Place
    texts: dict[str, MailText]
    shared: frozenset[str]


def kinds() -> list[MailKind]:
    """Return the kinds that can have a custom text: all to clients but bulk mail.

    Bulk mail has no built-in text.
    """
    return [
        kind for kind in MailKind if not RULES[kind].to_team and kind.value not in OF_NO_DEPARTURE
    ]


def scope_of(public_id: str) -> Scope | None:
    """Return the texts of one protocol: the places are its steps as they are now."""
    row = db.session.scalar(
        select(Protocol).where(Protocol.public_id == public_id, Protocol.deleted_at.is_(None))
    )
    if row is None:
        return None
    steps = tuple(Place(step.name, step.kind, step.title) for step in row.steps)
    return Scope(row.id, row.public_id, protocol_name(row), steps)


def texts_of(scope: Scope) -> tuple[list[PlaceTexts], list[PlaceTexts]]:
    """Return the mails of the steps, then those that answer what a client did."""
    rows = db.session.scalars(
        select(MailText)
        .where(or_(MailText.protocol_id.is_(None), MailText.protocol_id == scope.protocol_id))
        .options(joinedload(MailText.member))
    )
    kept = {(row.protocol_id, row.place, row.language): row for row in rows}

    def of_place(place: Place) -> PlaceTexts:
        texts = {}
        for language in LANGUAGES:
            row = kept.get((scope.protocol_id, place.name, language))
            row = row or kept.get((None, place.kind, language))
            if row is not None:
                texts[language] = row
        shared = {code for code, row in texts.items() if row.protocol_id != scope.protocol_id}
        return PlaceTexts(place, texts, frozenset(shared))

    return [of_place(each) for each in scope.steps], [of_place(each) for each in scope.answers]


def custom_text(place: str, language: str, protocol_id: int | None = None) -> MailText | None:
    """Return the custom text of `place` in exactly this scope, if there is one."""
    return db.session.scalars(
        select(MailText).where(
            MailText.protocol_id == protocol_id if protocol_id else MailText.protocol_id.is_(None),
            MailText.place == place,
            MailText.language == language,
        )
    ).one_or_none()


def text_in_use(scope: Scope, place: Place, language: str, occasion: str = "") -> Text:
    """Return the text that goes out now: the scope's, that of all protocols, or the built-in.

    A greeting's built-in text depends on its `occasion`.
    """
    row = custom_text(place.name, language, scope.protocol_id) or custom_text(place.kind, language)
    return Text(row.subject, row.body) if row else default(place.kind, language, occasion)


def people() -> list[str]:
    """Return the names of the latest departures, as `departure_named` finds them."""
    rows = db.session.scalars(_departures().limit(SUGGESTED))
    return list(dict.fromkeys(f"{row.contact.name} · {row.client.name}" for row in rows))


def departure_named(typed: str) -> Departure | None:
    """Return the latest departure whose contact or client has `typed` in its name."""
    name, _dot, company = typed.partition(" · ")
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


def _holds(column: InstrumentedAttribute[str], typed: str) -> ColumnElement[bool]:
    return column.icontains(" ".join(typed.split())[:100], autoescape=True)
