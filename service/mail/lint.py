"""The last look at the encoded bytes of a mail. A bad one is refused loudly, never repaired."""

import re
from email import message_from_bytes
from email.message import Message

from service.mail.headers import MAX_LINE
from service.mail.kinds import RULES
from service.models import MailKind

MAX_OCTETS = 60 * 1024  # Gmail clips at 102 KB
ONCE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted")
# People's words are escaped, so that only our own markup can match these.
_REMOTE = re.compile(
    r"""<script\b
      |<(?:img|link|iframe|object|embed|video|audio|source)\b[^>]*?
        (?:src|href|srcset|data)\s*=\s*["']?\s*(?:https?:)?//
      |<[a-z][^>]*\bbackground\s*=\s*["']?\s*(?:https?:)?//
      |<[a-z][^>]*\bstyle\s*=\s*"[^"]*url\(\s*["']?\s*(?:https?:)?//
      |<style\b(?:(?!</style).)*?(?:@import|url\(\s*["']?\s*(?:https?:)?//)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_UNFILLED = re.compile("[\ue000-\uf8ff]")  # moulds mark their gaps with these
_ENCODED_WORD = "=?"


class Unfit(Exception):
    """A mail that must not go out. The message lists everything that is wrong with it."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def check(octets: bytes, kind: MailKind) -> None:
    """Raise Unfit when `octets`, as they would go out, are no good mail of this kind."""
    mail = message_from_bytes(octets)
    faults = [*_octet_faults(octets, mail), *_header_faults(mail), *_body_faults(mail)]
    if not RULES[kind].is_transactional:
        faults += _unsubscribe_faults(mail)
    if RULES[kind].is_reminder:
        faults += [f"no {name}" for name in ("In-Reply-To", "References") if not mail[name]]
    if faults:
        raise Unfit(faults)


def _octet_faults(octets: bytes, mail: Message) -> list[str]:
    faults = []
    head, _, body = octets.partition(b"\r\n\r\n")
    longest = max(map(len, octets.split(b"\r\n")))
    if longest > MAX_LINE:
        faults.append(f"a line of {longest} octets; {MAX_LINE} is the most")
    if len(octets) > MAX_OCTETS:
        faults.append(f"{len(octets)} octets; {MAX_OCTETS} is the most")
    if octets.count(b"\n") != octets.count(b"\r\n") or octets.count(b"\r") != octets.count(b"\r\n"):
        faults.append("a line that does not end in CRLF")
    if b"\0" in octets:
        faults.append("a NUL")
    if not body.isascii() or not re.sub(rb"(?mi)^To: [^\r\n]*", b"", head).isascii():
        faults.append("octets over 127")
    if mail.defects:
        faults.append(f"defects: {', '.join(type(defect).__name__ for defect in mail.defects)}")
    return faults


def _header_faults(mail: Message) -> list[str]:
    faults = []
    for name in ONCE:
        found = mail.get_all(name, [])
        if len(found) != 1 or not str(found[0]).strip():
            faults.append(f"{len(found)} {name}" if found else f"no {name}")
    for name in ("To", "From"):
        if "," in re.sub(r'"(?:\\.|[^"\\])*"', "", str(mail[name])):
            faults.append(f"more than one address in {name}")
    if not re.fullmatch(r"<[^\s<>@]+@[^\s<>@]+>", str(mail["Message-ID"])):
        faults.append("a Message-ID that is none")
    for name, value in mail.items():
        if name.startswith(("List-", "In-Reply-To", "References", "Message-ID")) and (
            _ENCODED_WORD in value
        ):
            faults.append(f"{name} is encoded")
    for name in ("Bcc", "Cc", "Return-Path"):
        if name in mail:
            faults.append(f"a {name}")
    return faults


def _body_faults(mail: Message) -> list[str]:
    faults = []
    for subtype in ("plain", "html"):
        found = [p for p in mail.walk() if p.get_content_type() == f"text/{subtype}"]
        if len(found) != 1:
            faults.append(f"{len(found)} text/{subtype} parts")
            continue
        payload = found[0].get_payload(decode=True)
        words = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
        if len(words.strip()) < 20:
            faults.append(f"an empty text/{subtype} part")
        if _UNFILLED.search(words):
            faults.append(f"a gap that nobody filled in text/{subtype}")
        if subtype == "html" and _REMOTE.search(words):
            faults.append("a script, or something that another host would have to send")
    return faults


def _unsubscribe_faults(mail: Message) -> list[str]:
    faults = []
    value = str(mail["List-Unsubscribe"] or "")
    if not re.fullmatch(r"<https?://[^<>\s,]+>, <mailto:[^<>\s,]+>", value):
        faults.append("no List-Unsubscribe with https and mailto")
    if mail["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click":
        faults.append("no List-Unsubscribe-Post")
    return faults
