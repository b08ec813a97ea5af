"""The words that fill the placeholders of a custom text. Works on rows already loaded.

No word is ever missing: one that is not known of a reader is replaced by one that always fits.
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
    context: MailContext, custom_text: Text, words: Mapping[str, str], our_name: str
) -> dict[str, str]:
    """Return `words` and the other words that `custom_text` asks for."""
    found = dict(words)
    for word in _asked_for(custom_text, context.row.kind):
        if not found.get(word):
            found[word] = _word(context, word, our_name)
    return found


@lru_cache(maxsize=256)
def _asked_for(custom_text: Text, kind: MailKind) -> tuple[str, ...]:
    """Return the words that the placeholders of a text stand for; computed once per text."""
    used = placeholders.names_in(custom_text.subject) | placeholders.names_in(custom_text.body)
    asked = [one for one in placeholders.of(kind) if one.name in used and not one.is_block]
    return tuple(one.word for one in asked)


def _word(context: MailContext, word: str, our_name: str) -> str:
    contact, departure = context.row.contact, context.row.departure
    if word == "door_url" and contact:
        return links.talk(contact)
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
