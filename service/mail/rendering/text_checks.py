"""Check whether a custom text may be saved: what is wrong with it, by line, and what to fix.

Reads the text only; whether the mail it makes is too large is asked where it is rendered.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from flask_babel import gettext
from markdown_it.token import Token

from service.mail.rendering import placeholders
from service.mail.rendering.context import LINK
from service.mail.rendering.markdown_reader import SLOT, Reader, is_address
from service.mail.rendering.placeholders import Fault
from service.mail.rendering.sanitize import clean
from service.mail.rendering.texts import LONGEST_BODY, LONGEST_SUBJECT, Text
from service.models import MailKind

MOST_SHOWN = 20  # faults of one text; the rest is seen when these are put right


@dataclass(slots=True)
class Faults:
    """What must be put right before a text is saved."""

    subject: list[Fault] = field(default_factory=list)
    body: list[Fault] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.subject or self.body)


def no_picture(_url: str) -> bool:
    """Say that the service keeps no picture for this mail."""
    return False


def check(
    text: Text,
    kind: MailKind,
    *,
    longest: int = LONGEST_BODY,
    is_hosted: Callable[[str], bool] = no_picture,
) -> Faults:
    """Return what is wrong with `text` in a mail of `kind`, in the language that is set.

    `is_hosted` says of a picture's address whether the service itself keeps that picture.
    """
    return Faults(_in_subject(text.subject, kind), _in_body(text.body, kind, longest, is_hosted))


def _in_subject(subject: str, kind: MailKind) -> list[Fault]:
    if not subject.strip():
        return [Fault(1, gettext("Write a subject."))]
    if len(subject) > LONGEST_SUBJECT:
        most = gettext("Shorten it to %(most)s characters.", most=LONGEST_SUBJECT)
        return [Fault(1, most)]
    if len(clean(subject).split("\n")) > 1:
        return [Fault(1, gettext("A subject is one line: take the line break out."))]
    return list(placeholders.faults(subject, kind, in_subject=True))


def _in_body(
    body: str, kind: MailKind, longest: int, is_hosted: Callable[[str], bool]
) -> list[Fault]:
    if not body.strip():
        return [Fault(1, gettext("Write what the mail says."))]
    if len(body) > longest:
        words = gettext(
            "Shorten it to %(most)s characters: now it has %(has)s.", most=longest, has=len(body)
        )
        return [Fault(1, words)]
    found = list(islice(placeholders.faults(body, kind), MOST_SHOWN))
    found += _of_addresses(body, kind, is_hosted)
    missing = _missing_link(body, kind)
    if missing:
        found.append(Fault(body.count("\n") + 1, missing))
    return sorted(found, key=lambda fault: fault.line)[:MOST_SHOWN]


def _missing_link(body: str, kind: MailKind) -> str:
    """Return what to say when the text lacks the link that this kind of mail is for."""
    needed = [one for one in placeholders.of(kind) if one.word == LINK.get(kind)]
    if not needed or placeholders.names_in(body) & {one.name for one in needed}:
        return ""
    written = needed[0].written
    if len(needed) > 1:
        written = gettext("%(one)s or %(other)s", one=written, other=needed[1].written)
    return str(gettext("This mail needs %(link)s: without it, it leads nowhere.", link=written))


class _Permissive(Reader):
    """Reads every address, so that those that are refused can be named."""

    def validateLink(self, url: str) -> bool:  # noqa: N802
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return url


def _of_addresses(body: str, kind: MailKind, is_hosted: Callable[[str], bool]) -> list[Fault]:
    lines = clean(body).split("\n")
    reader = _Permissive(kind)
    found = []
    for block in reader.parse(placeholders.with_slots("\n".join(lines), kind)):
        first, last = block.map or (0, len(lines))
        for token in block.children or ():
            words, address = _fault_of(token, reader, is_hosted)
            if words:
                found.append(Fault(_line_of(address, lines, first, last), words))
    return found


def _fault_of(token: Token, reader: Reader, is_hosted: Callable[[str], bool]) -> tuple[str, str]:
    """Return what is wrong with the address of a link or a picture, and the address."""
    if token.type == "image":
        address = str(token.attrs.get("src", ""))
        if is_hosted(address):
            return "", ""
        return gettext("A picture must be one that you uploaded here, not an address."), address
    address = str(token.attrs.get("href", ""))
    if token.type != "link_open" or is_address(address):
        return "", ""
    slot = SLOT.fullmatch(address)
    if slot and slot[1] in reader.links:
        return "", ""
    if "\ue000" in address:
        return gettext("A placeholder cannot be part of an address."), SLOT.split(address)[0]
    shown = address if len(address) <= 60 else address[:59] + "…"
    words = gettext(
        "A link leads to an address that begins with https:// or mailto:, not to “%(address)s”.",
        address=shown,
    )
    return words, address


def _line_of(address: str, lines: list[str], first: int, last: int) -> int:
    """Return the number of the line of a block that has `address`; the block's first if none."""
    within = enumerate(lines[first:last], start=first + 1)
    return next((number for number, line in within if address and address in line), first + 1)
