"""Write header lines and addresses as SMTP servers read them. Nothing here opens a socket.

Machine-read headers (List-*, In-Reply-To …) go out as they are, on one line, or not at all; only
words for people are encoded after RFC 2047.
"""

import re
import unicodedata
from email import base64mime
from email.errors import HeaderParseError
from email.header import Header
from email.utils import quote
from functools import lru_cache

import idna
from flask_mail import BadHeaderError

MAX_LINE = 998  # octets without CRLF (RFC 5322, 2.1.1)
# Postmark gives mails a Message-ID of its own, so ours is carried through in its metadata.
POSTMARK_METADATA = "X-PM-Metadata-"
POSTMARK_NAME = "mail"
_SHORT = 72
_ONE_WORD = 36  # octets that one encoded word holds with room for the header's name (RFC 2047, 2)
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\\\"@]+@[^\s<>()\[\],;:\\\"@]+")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_ID_LISTS = frozenset({"References", "In-Reply-To"})


class BadHeader(BadHeaderError):
    """A header that could be read as two, or that nobody could read. The message names it."""


class BadAddress(BadHeader):
    """An address that no mail can go to, with the reason."""


def checked(name: str, value: str) -> str:
    """Return `value`; raises BadHeader when a character in it could end the line (CR, LF, NUL…)."""
    if value.isprintable():
        return value
    for character in value:
        if unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"}:
            raise BadHeader(f"{name} contains the character U+{ord(character):04X}")
    return value


@lru_cache(maxsize=4096)
def wire_address(address: str) -> str:
    """Return `address` with its domain in ASCII; raises BadAddress when it is none.

    A local part that is not ASCII stays so: only a server with SMTPUTF8 takes it.
    """
    checked("address", address)
    if not _ADDRESS.fullmatch(address):
        raise BadAddress("the address is not of the form name@domain")
    local, _, domain = address.rpartition("@")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise BadAddress(f"the domain of the address cannot be written: {error}") from error
    return f"{local}@{domain}"


def mailbox(name: str, display_name: str, address: str) -> str:
    """Return the value of the address header `name`: ``"Ruiz, Marta" <marta@norte.example>``."""
    address = wire_address(address)
    display_name = checked(name, display_name).strip()
    if not display_name:
        return address
    if not display_name.isascii() or "=?" in display_name or len(display_name) > _SHORT:
        words = _encoded(name, display_name)
    elif _PLAIN_NAME.fullmatch(display_name):
        words = display_name
    else:
        words = f'"{quote(display_name)}"'
    last = words.rpartition("\r\n")[2]
    gap = " " if len(name) + len(last) + len(address) < _SHORT else "\r\n "
    return f"{words}{gap}<{address}>"


def text(name: str, value: str) -> str:
    """Return words for people (a subject), encoded and folded when they need it."""
    checked(name, value)
    if value.isascii() and "=?" not in value and len(name) + len(value) <= _SHORT + 4:
        return value
    return _encoded(name, value)


def machine(name: str, value: str) -> str:
    """Return a value that programs read, unencoded; raises BadHeader when that cannot be."""
    checked(name, value)
    if not value.isascii():
        raise BadHeader(f"{name} is not ASCII and may not be encoded")
    if name in _ID_LISTS:
        value = "\r\n ".join(value.split())
    if any(len(name) + 2 + len(line) > MAX_LINE for line in value.split("\r\n")):
        raise BadHeader(f"{name} is longer than {MAX_LINE} octets")
    return value


@lru_cache(maxsize=4096)
def _encoded(name: str, value: str) -> str:
    octets = value.encode("utf-8", "replace")
    if len(octets) <= _ONE_WORD:
        return base64mime.header_encode(octets, "utf-8")
    try:
        return Header(value, "utf-8", header_name=name).encode(linesep="\r\n")
    except HeaderParseError as error:  # what the email package takes for an injected header
        raise BadHeader(f"{name}: {error}") from error
