"""Which mails are in the provider's own words: looked up for a batch in one query."""

from collections.abc import Sequence

from sqlalchemy import select

from service.extensions import db
from service.mail.texts import Text
from service.mail.topics import Topic
from service.models import Departure, Enrolment, MailText, OutboxMessage


def attached(topics: Sequence[Topic]) -> Sequence[Topic]:
    """Put on each topic the text that its mail is in, if it is not the built-in one.

    A text of the protocol for this step goes before one of this kind for all protocols.
    """
    asked = [topic for topic in topics if topic.row.contact]
    places = {place for topic in asked for place in (topic.row.step, topic.row.kind) if place}
    if not places:
        return topics
    rows = db.session.scalars(select(MailText).where(MailText.place.in_(places)))
    found = {(row.protocol_id, row.place, row.language): row for row in rows}
    protocols = _protocols_of(asked) if any(of_protocol for of_protocol, *_ in found) else {}
    for topic in asked:
        kind, step, language = topic.row.kind, topic.row.step or topic.row.kind, topic.row.language
        protocol_id = protocols.get(topic.row.departure_id or 0)
        own = found.get((protocol_id, step, language)) or found.get((None, kind, language))
        if own is not None:
            topic.own = Text(own.subject, own.body)
    return topics


def carried(row: OutboxMessage) -> Text | None:
    """Return the text that a test mail brings along, saved or not."""
    own = (row.context or {}).get("own")
    return Text(own["subject"], own["body"]) if own else None


def chosen(row: OutboxMessage) -> Departure | None:
    """Return the departure whose names and dates a test mail shows, if it still exists."""
    like = (row.context or {}).get("like")
    return db.session.get(Departure, like) if like else None


def _protocols_of(topics: Sequence[Topic]) -> dict[int, int | None]:
    """Return the protocol that each departure is in; None is the built-in default."""
    ids = {topic.row.departure_id for topic in topics}
    rows = db.session.execute(
        select(Enrolment.departure_id, Enrolment.protocol_id).where(Enrolment.departure_id.in_(ids))
    )
    return {row.departure_id: row.protocol_id for row in rows}
