"""Which mails are in words of one's own, and for whom a text can be looked at. Reads only."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, joinedload

from service.extensions import db
from service.mail.kinds import RULES
from service.mail.placeholders import OF_NO_DEPARTURE
from service.models import Client, Contact, Departure, MailKind, MailText

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
class Line:
    """One mail and the texts of one's own that it has, by language."""

    kind: MailKind
    own: dict[str, MailText]


def lines() -> tuple[list[Line], list[Line]]:
    """Return the mails of the protocol, then those that answer what a client did."""
    rows = db.session.scalars(
        select(MailText)
        .where(MailText.protocol_id.is_(None))
        .options(joinedload(MailText.provider))
    )
    own: dict[str, dict[str, MailText]] = {}
    for row in rows:
        own.setdefault(row.place, {})[row.language] = row
    others = [kind for kind in kinds() if kind not in ORDER]
    steps, answers = (
        [Line(kind, own.get(kind, {})) for kind in group] for group in (ORDER, others)
    )
    return steps, answers


def kinds() -> list[MailKind]:
    """Return the kinds whose text can be one's own: all to clients but bulk mail, which has none
    that is built in."""
    return [
        kind
        for kind in MailKind
        if not RULES[kind].to_provider and kind.value not in OF_NO_DEPARTURE
    ]


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
