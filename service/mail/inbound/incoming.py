"""Read the octets of a mail that came in: headers, parts and text, within bounds. Pure.

Every mail can be read: of one that no parser can take apart, the headers. The bounds are against
bombs: nested parts, odd charsets and long lines cost time that grows with their square.
"""

import hashlib
import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parseaddr

from service.config import LARGEST_MAIL

MOST_NESTED = 40
MOST_BOUNDARIES = 2000
MOST_WORK = 2_000_000  # the parser looks at each line once per part that is still open
MOST_PARTS = 100
MOST_TEXT = 64 * 1024  # octets of one part
_LONGEST_HEADER = 4000
_NESTING = re.compile(rb"boundary\s*=|message/(?:rfc822|global)", re.IGNORECASE)
# What each server on the way adds on top: the same mail over two ways differs in it.
_TRACE = re.compile(
    rb"^(?:From |>From |(?:received|return-path|delivered-to|x-original-to|envelope-to"
    rb"|x-envelope-to)\s*:)",
    re.IGNORECASE,
)
# Decoders that are no charsets of mails; some of them are slow, some can be made to lie.
_NO_CHARSETS = frozenset({"punycode", "idna", "undefined", "unicode-escape", "raw-unicode-escape"})
_UNSEEN = frozenset({"style", "script", "head", "title", "template"})
_BLOCKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "blockquote", "table"})
ADDRESS_HEADERS = (
    *("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To"),
    *("X-Delivered-To", "X-Forwarded-To", "Apparently-To"),
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A mail, as far as it can be read; `octets` are the first LARGEST_MAIL of it."""

    octets: bytes
    message: Message
    recipients: tuple[str, ...]  # the envelope's, where they are known

    @property
    def digest(self) -> str:
        """What identifies the mail, whichever way and however often it comes in."""
        return hashlib.sha256(without_trace(self.octets)).hexdigest()

    @property
    def sender(self) -> str:
        """The address in From; empty when there is none."""
        return plain(parseaddr(self.header("From"))[1], 254).strip()

    @property
    def subject(self) -> str:
        """The subject, on one line."""
        return " ".join(plain(self.header("Subject"), 300).split())

    def header(self, name: str) -> str:
        """Return the first header `name`, decoded; empty when it is not there."""
        return header_of(self.message, name)

    def addressed_to(self) -> list[str]:
        """Return the texts of all headers that say where it was sent, and the envelope's."""
        return [*self.recipients, *headers_of(self.message, ADDRESS_HEADERS)]

    def parts(self) -> Iterator[Message]:
        """Yield the parts that hold something, in order, the outermost mail's first."""
        for number, part in enumerate(self.message.walk()):
            if number >= MOST_PARTS:
                return
            yield part

    def text(self) -> str:
        """Return what its sender wrote: the text part, or else the text of the HTML."""
        fallback = ""
        for part in own_parts(self.message):
            if part.get_content_type() == "text/plain" and not part.get_filename():
                return text_of(part)
            if part.get_content_type() == "text/html" and not fallback:
                fallback = text_of_html(text_of(part))
        return fallback


def read(octets: bytes, recipients: tuple[str, ...] = ()) -> Incoming:
    """Return the mail in `octets`, as far as it can be read; raises nothing, whatever they are."""
    octets = octets[:LARGEST_MAIL]
    kept = re.sub(rb"\A>?From [^\n]*\n", b"", octets)  # mbox's line, which is no header
    if _is_bearable(kept):
        try:
            return Incoming(octets, message_from_bytes(kept), recipients)
        except (RecursionError, ValueError, LookupError, MessageError):
            pass  # the parser gave up; the head alone is better than nothing
    head = _head_of(kept)
    if len(head) > MOST_TEXT:
        head = head[:MOST_TEXT].rpartition(b"\n")[0]
    return Incoming(octets, BytesHeaderParser().parsebytes(head), recipients)


def _head_of(octets: bytes) -> bytes:
    return re.split(rb"\r?\n\r?\n", octets, maxsplit=1)[0]


def _is_bearable(octets: bytes) -> bool:
    """Say whether a mail can be taken apart in reasonable time."""
    nested = len(_NESTING.findall(octets))
    return (
        len(_head_of(octets)) <= MOST_TEXT
        and nested <= MOST_NESTED
        and nested * octets.count(b"\n") <= MOST_WORK
        and (not nested or octets.count(b"\n--") <= MOST_BOUNDARIES)
    )


def without_trace(octets: bytes) -> bytes:
    """Return `octets` without the headers that servers on the way add, each line ending in LF."""
    lines = octets.replace(b"\r\n", b"\n").strip().split(b"\n")
    start = 0
    while start < len(lines) and _TRACE.match(lines[start]):
        start += 1
        while start < len(lines) and lines[start][:1] in {b" ", b"\t"}:
            start += 1
    return b"\n".join(line.rstrip() for line in lines[start:])


def own_parts(message: Message) -> Iterator[Message]:
    """Yield the parts of a mail itself, not of mails attached to it; at most MOST_PARTS."""
    waiting, seen = [message], 0
    while waiting and seen < MOST_PARTS:
        part, seen = waiting.pop(0), seen + 1
        if part.get_content_maintype() != "multipart":
            yield part
        elif isinstance(inner := part.get_payload(), list):
            waiting[:0] = [each for each in inner[:MOST_PARTS] if isinstance(each, Message)]


def text_of(part: Message) -> str:
    """Return the text of one part, decoded as far as possible; "" for attached mails."""
    if part.is_multipart():
        return ""
    try:
        octets = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):  # broken transfer encodings, binascii.Error
        octets = str(part.get_payload()).encode("utf-8", "replace")
    if not isinstance(octets, bytes):
        return ""
    return plain(_decoded(octets[:MOST_TEXT], _charset(part)), MOST_TEXT)


def text_of_html(text: str) -> str:
    """Return the text of HTML, a line for each block; its markup is thrown away, in one pass.

    No parser, on purpose: html.parser needs time that grows with the square of what is broken in
    it.
    """
    first, *pieces = text.split("<")
    kept, unseen = [first], ""
    for piece in pieces:
        tag, closed, after = piece.partition(">")
        name = tag.strip("/ \n\t").partition(" ")[0].partition("\n")[0].rstrip("/").lower()
        if unseen:
            unseen = "" if tag.startswith("/") and name == unseen else unseen
            continue
        if name in _UNSEEN and not tag.startswith("/"):
            unseen = name
            continue
        kept.append("\0" if name in _BLOCKS else "")
        kept.append(after if closed else "")
    lines = html.unescape("".join(kept).replace("\n", " ")).split("\0")
    return "\n".join(joined for line in lines if (joined := " ".join(line.split())))


def header_of(message: Message, name: str) -> str:
    """Return the first header `name` of a mail or a part, decoded."""
    return next(iter(headers_of(message, (name,))), "")


def headers_of(message: Message, names: tuple[str, ...]) -> list[str]:
    """Return the values of these headers, decoded, at most 50 of each name."""
    return [_value(value) for name in names for value in (message.get_all(name) or [])[:50]]


def plain(text: str, longest: int) -> str:
    """Return at most `longest` characters of `text`, without control characters and surrogates."""
    kept = (
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(sign) == "Cs" else sign
        for sign in text[:longest]
        if sign in "\n\t" or unicodedata.category(sign) != "Cc"
    )
    return "".join(kept)


def _value(value: object) -> str:
    text = str(value)[:_LONGEST_HEADER]
    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError, MessageError):  # what RFC 2047 would make of it is unknown
        return text


def _charset(part: Message) -> str:
    try:
        return (part.get_content_charset() or "utf-8").lower()
    except (ValueError, LookupError):
        return "utf-8"


def _decoded(octets: bytes, charset: str) -> str:
    if charset.replace("_", "-") not in _NO_CHARSETS:
        try:
            return octets.decode(charset, "strict" if charset == "utf-8" else "replace")
        except (UnicodeError, LookupError, ValueError):
            pass
    return octets.decode("cp1252", "replace")
