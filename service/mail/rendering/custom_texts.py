"""Find the custom texts of a batch of mails, in one query."""

from collections.abc import Sequence

from sqlalchemy import select

from service.extensions import db
from service.mail.rendering import pictures
from service.mail.rendering.texts import Text
from service.models import Enrolment, MailText, OutboxMessage


def of_rows(rows: Sequence[OutboxMessage]) -> list[Text | None]:
    """Return the custom text of each mail, in their order; None for the built-in text.

    A text of the protocol for this step goes before one of this kind for all protocols. A test
    mail has the text that it brings along, or that of the kind it shows.
    """
    kinds = [_kind_of(row) for row in rows]
    asked = list(zip(rows, kinds, strict=True))
    places = {place for row, kind in asked for place in (_place_of(row, kind), kind)}
    places -= {""}
    if not places:
        return [None] * len(rows)
    found = {
        (text.protocol_id, text.place, text.language): text
        for text in db.session.scalars(select(MailText).where(MailText.place.in_(places)))
    }
    protocols = _protocols_of(rows) if any(protocol for protocol, *_ in found) else {}
    texts = []
    for row, kind in asked:
        protocol_id = protocols.get(row.departure_id or 0)
        custom_text = found.get((protocol_id, _place_of(row, kind), row.language))
        custom_text = custom_text or found.get((None, kind, row.language))
        texts.append(
            _carried(row) or (Text(custom_text.subject, custom_text.body) if custom_text else None)
        )
    return texts


def _kind_of(row: OutboxMessage) -> str:
    """Return the kind of a mail to a client, or that a test mail shows; else nothing."""
    if row.contact_id or row.contact:
        return str(row.kind)
    return str((row.context or {}).get("sample", ""))


def _place_of(row: OutboxMessage, kind: str) -> str:
    """Return the place of the mail's custom text: the greeting's, the step's or the kind's."""
    return str((row.context or {}).get("place") or row.step or kind)


def _carried(row: OutboxMessage) -> Text | None:
    """Return the text that a test mail brings along, saved or not."""
    custom_text = (row.context or {}).get("own")
    if not custom_text:
        return None
    is_counted = custom_text.get("is_counted", False)
    return pictures.text_of(custom_text["subject"], custom_text["body"], is_counted=is_counted)


def _protocols_of(rows: Sequence[OutboxMessage]) -> dict[int, int | None]:
    """Return the protocol that each departure is in; None is the built-in default."""
    ids = {row.departure_id for row in rows} - {None}
    enrolments = db.session.execute(
        select(Enrolment.departure_id, Enrolment.protocol_id).where(Enrolment.departure_id.in_(ids))
    )
    return {row.departure_id: row.protocol_id for row in enrolments}
