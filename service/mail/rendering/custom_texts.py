"""The text of a mail in Markdown: the value, where its pictures are, and the one that a mail has.

A mail has the text of its protocol's step, of its kind, of its newsletter, or the built-in one.
placeholders.py and markdown.py turn it into a mail.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from service.current import settings
from service.extensions import db
from service.mail.rendering.sanitize import clean
from service.models import Enrolment, MailText, NewsletterImage, OutboxMessage

LONGEST_SUBJECT = 120  # characters; a friend would write under 50
LONGEST_BODY = 20_000
WITH_LOGO = 8_000  # a longer body goes without the logo, so that the mail stays under 60 kB
WIDEST_PICTURE = 528  # CSS pixels that a mail has beside its margins where Outlook draws it
PICTURES = "/media/newsletters/"
_PICTURE = re.compile(rf"{PICTURES}([A-Za-z0-9_-]{{22}})(?![\w.-])")


@dataclass(frozen=True, slots=True)
class Text:
    """A subject and a body as typed; equal texts share their compiled templates.

    `pictures` are the only ones that the mail may show: pairs of the address in the Markdown and
    the address that the mail asks for. `widths` are pairs of the latter and its width in CSS
    pixels, for programs that do not shrink pictures. `counted` are the links that lead over this
    service: pairs of a link's address and the address that counts its openings. With `is_counted`
    the mail says that its links are counted. `preheader` is the line that mailboxes show, and `why`
    says why the reader gets the mail; a custom text has neither: it shows its beginning, and the
    built-in `why` of its kind.
    """

    subject: str
    body: str
    pictures: tuple[tuple[str, str], ...] = ()
    widths: tuple[tuple[str, int], ...] = ()
    counted: tuple[tuple[str, str], ...] = ()
    is_counted: bool = False
    preheader: str = ""
    why: str = ""

    @property
    def is_long(self) -> bool:
        """Whether there is no room for the logo beside it."""
        return len(self.body) > WITH_LOGO

    @property
    def clean_body(self) -> str:
        """The body without control characters; the marks of slots are among them."""
        return clean(self.body)


NOTHING = Text("", "")


# --- pictures: their address is the same for every reader, so it tells nothing of who looked ---


def picture_ids(body: str) -> set[str]:
    """Return the public ids of our pictures that `body` shows."""
    return set(_PICTURE.findall(body))


def picture_path(public_id: str) -> str:
    """Return the address of a picture as it is typed into a body."""
    return PICTURES + public_id


def picture_id_at(address: str) -> str | None:
    """Return the public id of our picture at a typed address; None for any other address."""
    found = _PICTURE.fullmatch(address.removeprefix(settings().base_url))
    return found[1] if found else None


def with_pictures(subject: str, body: str, *, is_counted: bool = False) -> Text:
    """Return a text with those of our pictures that it shows."""
    return all_with_pictures([(subject, body)], is_counted=is_counted)[0]


def all_with_pictures(typed: Sequence[tuple[str, str]], *, is_counted: bool = False) -> list[Text]:
    """Return the texts of subjects and bodies with their pictures: one query, or none."""
    ids = [picture_ids(body) for _subject, body in typed]
    widths: dict[str, int] = {}
    if any(ids):
        query = select(NewsletterImage.public_id, NewsletterImage.width)
        rows = db.session.execute(query.where(NewsletterImage.public_id.in_(set().union(*ids))))
        widths = {picture_path(row.public_id): min(row.width, WIDEST_PICTURE) for row in rows}
    base, texts = settings().base_url, []
    for (subject, body), shown in zip(typed, ids, strict=True):
        paths = [picture_path(public_id) for public_id in sorted(shown)]
        found = [(address, base + path) for path in paths for address in (path, base + path)]
        wide = [(base + path, widths[path]) for path in paths if path in widths]
        texts.append(Text(subject, body, tuple(found), tuple(wide), is_counted=is_counted))
    return texts


# --- the custom texts of a batch of mails ---


def of_rows(rows: Sequence[OutboxMessage]) -> list[Text | None]:
    """Return the custom text of each mail, in their order; None for the built-in text.

    A text of the protocol for this step goes before one of this kind for all protocols. A test
    mail has the text that it carries, or that of the kind it shows. Two queries at most.
    """
    asked = []
    for row in rows:
        context = row.context or {}
        kind = str(row.kind if row.contact_id or row.contact else context.get("sample", ""))
        asked.append((row, kind, str(context.get("place") or row.step or kind)))
    places = {each for _row, kind, place in asked for each in (place, kind)} - {""}
    if not places:
        return [None] * len(rows)
    found = {
        (text.protocol_id, text.place, text.language): text
        for text in db.session.scalars(select(MailText).where(MailText.place.in_(places)))
    }
    protocols = _protocols_of(rows) if any(protocol for protocol, *_ in found) else {}
    texts = []
    for row, kind, place in asked:
        protocol_id = protocols.get(row.departure_id or 0)
        kept = found.get((protocol_id, place, row.language))
        kept = kept or found.get((None, kind, row.language))
        texts.append(_carried(row) or (Text(kept.subject, kept.body) if kept else None))
    return texts


def _carried(row: OutboxMessage) -> Text | None:
    """Return the text that a test mail carries, saved or not."""
    carried = (row.context or {}).get("own")
    if not carried:
        return None
    is_counted = carried.get("is_counted", False)
    return with_pictures(carried["subject"], carried["body"], is_counted=is_counted)


def _protocols_of(rows: Sequence[OutboxMessage]) -> dict[int, int | None]:
    """Return the protocol of each departure, by the departure's id; None is the built-in one."""
    ids = {row.departure_id for row in rows} - {None}
    enrolments = db.session.execute(
        select(Enrolment.departure_id, Enrolment.protocol_id).where(Enrolment.departure_id.in_(ids))
    )
    return {row.departure_id: row.protocol_id for row in enrolments}
