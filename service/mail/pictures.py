"""The pictures of newsletters: their addresses in what was typed, and as the mails ask for them.

The address is the same for every reader, so that it tells nothing of who looked.
"""

import re

from service.current import settings
from service.mail.texts import Text

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
    base = settings().base_url
    found = []
    for public_id in sorted(ids_in(body)):
        path = path_of(public_id)
        found += [(path, base + path), (base + path, base + path)]
    return Text(subject, body, tuple(found), is_counted=is_counted)
