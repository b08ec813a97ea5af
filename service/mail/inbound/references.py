"""Find which mails of ours a mail names: by our signed bounce address, or by our Message-ID.

Neither can be guessed. Pure.
"""

import re
from collections.abc import Iterable, Iterator

from service.mail import verp
from service.mail.inbound.bounces import status_texts
from service.mail.inbound.incoming import Incoming, headers_of, plain, text_of
from service.models import Evidence

# <public_id@domain>, as leases.take writes it; some programs leave the brackets out.
_MESSAGE_ID = re.compile(r"(?<![A-Za-z0-9_-])([A-Za-z0-9_-]{22})@[A-Za-z0-9.-]+")
_REPLY_HEADERS = ("In-Reply-To", "References")
_RETURNED_HEADERS = ("Message-ID", "Return-Path", "X-Original-Message-ID")
MOST = 50  # the most ids of one kind of evidence


def of(incoming: Incoming) -> Iterator[tuple[Evidence, list[str]]]:
    """Yield each kind of evidence with the public ids that it names, the strongest first."""
    if ids := verp.ids_in(incoming.addressed_to()):
        yield Evidence.verp, ids[:MOST]
    reported = list(status_texts(incoming))
    if ids := _all_ids(reported):
        yield Evidence.delivery_status, ids
    if ids := _all_ids(_returned(incoming)):
        yield Evidence.returned_headers, ids
    if ids := ids_of(headers_of(incoming.message, _REPLY_HEADERS)):
        yield Evidence.reply_headers, ids


def ids_of(texts: Iterable[str]) -> list[str]:
    """Return what may be public ids, from Message-IDs in the form of ours, each once."""
    found = (match for text in texts for match in _MESSAGE_ID.findall(text))
    return list(dict.fromkeys(found))[:MOST]


def _all_ids(texts: list[str]) -> list[str]:
    return list(dict.fromkeys([*verp.ids_in(texts), *ids_of(texts)]))[:MOST]


def _returned(incoming: Incoming) -> list[str]:
    """Return the headers of mails inside the mail, as parts or copied into its text."""
    texts: list[str] = []
    for number, part in enumerate(incoming.parts()):
        if number and part.get("Message-ID"):
            texts += headers_of(part, _RETURNED_HEADERS)
        elif part.get_content_maintype() == "text":
            texts += _lines_of_a_head(text_of(part))
    return texts


def _lines_of_a_head(text: str) -> list[str]:
    """Return the lines of a text that look like a copied Message-ID or Return-Path header."""
    pattern = r"^[ >|\t]*(?:message-id|return-path)\s*:[^\n]*(?:\n[ \t]+<[^\n]*)?"
    kept = re.findall(pattern, text, re.IGNORECASE | re.MULTILINE)
    return [plain(line, 500) for line in kept[:MOST]]
