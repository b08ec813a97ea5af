"""The words that fill the placeholders of a text of one's own. Works on rows already loaded.

None is ever missing: what is not known of a reader is said in a way that fits any sentence.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flask_babel import force_locale, gettext

from service.mail import links
from service.mail.rendering import placeholders
from service.mail.rendering.related_rows import MailContext
from service.mail.rendering.sanitize import one_line
from service.mail.rendering.texts import Text
from service.models import MailKind


def complete(
    context: MailContext, own: Text, words: Mapping[str, str], our_name: str
) -> dict[str, str]:
    """Return `words` with those that `own` asks for besides."""
    found = dict(words)
    for word in _asked_for(own, context.row.kind):
        if not found.get(word):
            found[word] = _word(context, word, our_name)
    return found


@lru_cache(maxsize=256)
def _asked_for(own: Text, kind: MailKind) -> tuple[str, ...]:
    """Return the words that placeholders of `own` stand for, once per text."""
    used = placeholders.names_in(own.subject) | placeholders.names_in(own.body)
    asked = [one for one in placeholders.of(kind) if one.name in used and not one.is_block]
    return tuple(one.word for one in asked)


def _word(context: MailContext, word: str, our_name: str) -> str:
    contact, departure = context.row.contact, context.row.departure
    if word == "door_url" and contact:
        return links.door(contact)
    known: dict[str, Any] = {
        "full_name": contact and contact.name,
        "client": contact and contact.client and contact.client.name,
        "our_name": our_name,
        "responsible": our_name,
        "service": departure and departure.service,
    }
    return one_line(known.get(word) or "") or _unknown(word, context.row.language)


def _unknown(word: str, language: str) -> str:
    """Return what stands for a word that is not known."""
    with force_locale(language):
        said = {
            "client": gettext("your company"),
            "service": gettext("our work together"),
            "end_day": gettext("the agreed day"),
            "closes_day": gettext("the day it closes"),
        }
        return str(said.get(word, ""))
