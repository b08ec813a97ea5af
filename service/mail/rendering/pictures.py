"""The pictures of newsletters: their addresses in what was typed, and as the mails ask for them.

The address is the same for every reader, so that it tells nothing of who looked.
"""

import re
from collections.abc import Sequence

from sqlalchemy import select

from service.current import settings
from service.extensions import db
from service.mail.rendering.texts import Text
from service.models import NewsletterImage

WIDEST = 528  # CSS pixels that a mail has beside its margins where Outlook draws it
PATH = "/media/newsletters/"
_ADDRESS = re.compile(rf"{PATH}([A-Za-z0-9_-]{{22}})(?![\w.-])")


def ids_in(body: str) -> set[str]:
    """Return the public ids of the pictures that `body` speaks of."""
    return set(_ADDRESS.findall(body))


def path_of(public_id: str) -> str:
    """Return the address of a picture as it is typed."""
    return PATH + public_id


def id_of(address: str) -> str | None:
    """Return the public id of the picture at an address as it is typed; None for any other."""
    found = _ADDRESS.fullmatch(address.removeprefix(settings().base_url))
    return found[1] if found else None


def text_of(subject: str, body: str, *, is_counted: bool = False) -> Text:
    """Return a text with those pictures of ours that it shows."""
    return texts_of([(subject, body)], is_counted=is_counted)[0]


def texts_of(written: Sequence[tuple[str, str]], *, is_counted: bool = False) -> list[Text]:
    """Return texts, of subjects and bodies, with their pictures; asks nothing if they have none."""
    ids = [ids_in(body) for _subject, body in written]
    widths = _widths(set().union(*ids))
    base, texts = settings().base_url, []
    for (subject, body), shown in zip(written, ids, strict=True):
        paths = [path_of(public_id) for public_id in sorted(shown)]
        found = [(typed, base + path) for path in paths for typed in (path, base + path)]
        wide = [(base + path, widths[path]) for path in paths if path in widths]
        texts.append(Text(subject, body, tuple(found), tuple(wide), is_counted=is_counted))
    return texts


def _widths(ids: set[str]) -> dict[str, int]:
    """Return how wide each picture is drawn, by its path."""
    if not ids:
        return {}
    query = select(NewsletterImage.public_id, NewsletterImage.width)
    rows = db.session.execute(query.where(NewsletterImage.public_id.in_(ids)))
    return {path_of(row.public_id): min(row.width, WIDEST) for row in rows}
