"""The last check of a mail: first the compiled bodies, then the bytes. Refuses, never repairs."""

import re
from collections.abc import Mapping

from service.mail.kinds import RULES
from service.mail.rendering.headers import MAX_LINE
from service.models import MailKind

MAX_OCTETS = 60 * 1024  # Gmail clips at 102 KB
ONCE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted")
# What people typed is escaped, so only the markup of our templates can match these.
_REMOTE = re.compile(
    r"""<script\b
      |<(?:img|link|iframe|object|embed|video|audio|source)\b[^>]*?
        (?:src|href|srcset|data)\s*=\s*["']?\s*(?:https?:)?//
      |<[a-z][^>]*\bbackground\s*=\s*["']?\s*(?:https?:)?//
      |<[a-z][^>]*\bstyle\s*=\s*"[^"]*url\(\s*["']?\s*(?:https?:)?//
      |<style\b(?:(?!</style).)*?(?:@import|url\(\s*["']?\s*(?:https?:)?//)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_UNFILLED = re.compile("[\ue000-\uf8ff]")  # compiled templates mark their slots with these
_ENCODED_WORD = "=?"
_MACHINE_READ = ("List-", "In-Reply-To", "References", "Message-ID")
_TO = re.compile(rb"(?m)^To: [^\r\n]*")


class Unfit(Exception):
    """A mail that must not go out. The message lists everything that is wrong with it."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def check(octets: bytes, kind: MailKind) -> None:
    """Raise Unfit when `octets` cannot go out as a mail of this kind.

    The content of the bodies is checked once per compiled template (check_bodies), not per mail.
    """
    head, _, body = octets.partition(b"\r\n\r\n")
    fields, strays = _fields(head)
    faults = [*_octet_faults(octets, head, body), *strays, *_header_faults(fields)]
    faults += [
        f"{found} {part} parts"
        for part in ("text/plain", "text/html")
        if (found := body.count(b"\r\nContent-Type: " + part.encode())) != 1
    ]
    if not RULES[kind].is_transactional:
        faults += _unsubscribe_faults(fields)
    if RULES[kind].is_reminder:
        faults += [f"no {name}" for name in ("In-Reply-To", "References") if name not in fields]
    if faults:
        raise Unfit(faults)


def check_bodies(text: str, html: str) -> None:
    """Raise Unfit when the two bodies are empty, unfilled, or want something of another host."""
    faults = []
    for subtype, words in (("plain", text), ("html", html)):
        if len(words.strip()) < 20:
            faults.append(f"an empty text/{subtype} part")
        if _UNFILLED.search(words):
            faults.append(f"a gap that nobody filled in text/{subtype}")
    if _REMOTE.search(html):
        faults.append("a script, or something that another host would have to send")
    if faults:
        raise Unfit(faults)


def _fields(head: bytes) -> tuple[dict[str, list[str]], list[str]]:
    """Return the fields of the header, unfolded, and the faults of lines that are no field."""
    fields: dict[str, list[str]] = {}
    strays = []
    for line in head.decode("utf-8", "replace").replace("\r\n ", " ").split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon or not name or " " in name:
            strays.append("a header line that is none")
        fields.setdefault(name, []).append(value.strip())
    return fields, strays


def _octet_faults(octets: bytes, head: bytes, body: bytes) -> list[str]:
    faults = []
    lines = octets.split(b"\r\n")
    longest = max(map(len, lines))
    if longest > MAX_LINE:
        faults.append(f"a line of {longest} octets; {MAX_LINE} is the most")
    if len(octets) > MAX_OCTETS:
        faults.append(f"{len(octets)} octets; {MAX_OCTETS} is the most")
    rest = b"".join(lines)  # to count the ends in the whole would take three times as long
    if b"\n" in rest or b"\r" in rest:
        faults.append("a line that does not end in CRLF")
    if b"\0" in octets:
        faults.append("a NUL")
    # The one place for an address that is not ASCII is To (SMTPUTF8).
    if not octets.isascii() and not (body.isascii() and re.sub(_TO, b"", head).isascii()):
        faults.append("octets over 127")
    return faults


def _header_faults(fields: Mapping[str, list[str]]) -> list[str]:
    faults = []
    for name in ONCE:
        found = fields.get(name, [])
        if len(found) != 1 or not found[0]:
            faults.append(f"{len(found)} {name}" if found else f"no {name}")
    for name in ("To", "From"):
        if any("," in re.sub(r'"(?:\\.|[^"\\])*"', "", value) for value in fields.get(name, [])):
            faults.append(f"more than one address in {name}")
    if not all(
        re.fullmatch(r"<[^\s<>@]+@[^\s<>@]+>", value) for value in fields.get("Message-ID", [])
    ):
        faults.append("a Message-ID that is none")
    faults += [
        f"{name} is encoded"
        for name, values in fields.items()
        if name.startswith(_MACHINE_READ) and any(_ENCODED_WORD in value for value in values)
    ]
    return faults + [f"a {name}" for name in ("Bcc", "Cc", "Return-Path") if name in fields]


def _unsubscribe_faults(fields: Mapping[str, list[str]]) -> list[str]:
    faults = []
    value = fields.get("List-Unsubscribe", [""])[0]
    if not re.fullmatch(r"<https?://[^<>\s,]+>, <mailto:[^<>\s,]+>", value):
        faults.append("no List-Unsubscribe with https and mailto")
    if fields.get("List-Unsubscribe-Post") != ["List-Unsubscribe=One-Click"]:
        faults.append("no List-Unsubscribe-Post")
    return faults
