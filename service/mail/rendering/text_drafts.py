"""A custom text before it is saved: what is wrong with it, and the mail that it makes.

Changes no row.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice

from flask_babel import gettext
from markdown_it.token import Token

from service.extensions import db
from service.mail import links
from service.mail.rendering import lint, markdown, placeholders, rendering
from service.mail.rendering.branding import LOGO_LIMIT
from service.mail.rendering.context import LINK, complete, content_of
from service.mail.rendering.custom_texts import LONGEST_BODY, LONGEST_SUBJECT, Text
from service.mail.rendering.markdown_reader import SLOT, Reader, is_address
from service.mail.rendering.placeholders import Fault
from service.mail.rendering.rendering import Rendering
from service.mail.rendering.samples import sample
from service.mail.rendering.sanitize import clean
from service.models import Departure, MailKind, NewsletterIssue, TeamMember

MOST_SHOWN = 20  # faults of one text; the rest is seen when these are put right
MORE = 4 * 1024  # octets for the header, and for longer names than those of the sample
LONGEST_ISSUE = "A" * 22  # public id of an issue, in the address of a counted link


@dataclass(slots=True)
class Faults:
    """What must be put right before a text is saved."""

    subject: list[Fault] = field(default_factory=list)
    body: list[Fault] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.subject or self.body)


def no_picture(_url: str) -> bool:
    """Return False: the service keeps no picture for this mail."""
    return False


def check(text: Text, kind: MailKind, is_hosted: Callable[[str], bool] = no_picture) -> Faults:
    """Return what is wrong with `text` in a mail of `kind`, in the language that is set.

    Looks at the text only, not at the size of the mail. `is_hosted` answers for a picture's
    address whether the service itself keeps that picture.
    """
    return Faults(
        _faults_of_subject(text.subject, kind), _faults_of_body(text.body, kind, is_hosted)
    )


def faults(
    kind: MailKind,
    language: str,
    text: Text,
    sender: TeamMember,
    is_hosted: Callable[[str], bool] = no_picture,
) -> Faults:
    """Return all that is wrong with `text`: what it says, and the size of the mail it makes."""
    found = check(text, kind, is_hosted)
    if not found and is_too_large(kind, language, text, sender):
        words = gettext(
            "The mail would be larger than %(most)s kB, and mail programs cut those. Shorten it, "
            "or take out some of the formatting.",
            most=lint.MAX_OCTETS // 1024,
        )
        found.body.append(Fault(1, words))
    return found


def is_too_large(kind: MailKind, language: str, text: Text, sender: TeamMember) -> bool:
    """Return whether mail programs would cut the mail that `text` makes.

    Counted links are measured at the greatest length that they can have in a mail.
    """
    if text.is_counted and len(text.body) <= LONGEST_BODY:
        issue = NewsletterIssue(public_id=LONGEST_ISSUE)
        found = enumerate(markdown.addresses(text, kind), start=1000)
        over = ((address, links.counted(issue, number)) for number, address in found)
        text = replace(text, counted=tuple(over))
    mail = preview(kind, language, text, sender)
    logo = 0 if text.is_long else LOGO_LIMIT * 4 // 3
    return len(mail.text) + len(mail.html) + logo + MORE > lint.MAX_OCTETS


def preview(
    kind: MailKind, language: str, text: Text, sender: TeamMember, like: Departure | None = None
) -> Rendering:
    """Return the mail that `text` makes, with the names and dates of `like` or of a sample."""
    with db.session.no_autoflush:
        facts = rendering.company_facts()
        context = sample(kind, language, sender, facts.company, like)
        context.custom_text = text
        return rendering.render_context(context, facts)


def examples(kind: MailKind, language: str, sender: TeamMember) -> dict[str, str]:
    """Return the value for the sample client of each placeholder that is a word, by its name."""
    shown = [one for one in placeholders.of(kind) if one.is_in_subjects]
    all_of_them = Text("", " ".join(one.written for one in shown))
    with db.session.no_autoflush:
        facts = rendering.company_facts()
        context = sample(kind, language, sender, facts.company)
        known = content_of(context, facts.company).values
        values = complete(known, context, all_of_them, facts.branding.name)
    return {one.name: values[one.value] for one in shown}


def _faults_of_subject(subject: str, kind: MailKind) -> list[Fault]:
    if not subject.strip():
        return [Fault(1, gettext("Write a subject."))]
    if len(subject) > LONGEST_SUBJECT:
        most = gettext("Shorten it to %(most)s characters.", most=LONGEST_SUBJECT)
        return [Fault(1, most)]
    if len(clean(subject).split("\n")) > 1:
        return [Fault(1, gettext("A subject is one line: take the line break out."))]
    return list(placeholders.faults(subject, kind, in_subject=True))


def _faults_of_body(body: str, kind: MailKind, is_hosted: Callable[[str], bool]) -> list[Fault]:
    if not body.strip():
        return [Fault(1, gettext("Write what the mail says."))]
    if len(body) > LONGEST_BODY:
        words = gettext(
            "Shorten it to %(most)s characters: now it has %(has)s.",
            most=LONGEST_BODY,
            has=len(body),
        )
        return [Fault(1, words)]
    found = list(islice(placeholders.faults(body, kind), MOST_SHOWN))
    found += _faults_of_addresses(body, kind, is_hosted)
    missing = _missing_link(body, kind)
    if missing:
        found.append(Fault(body.count("\n") + 1, missing))
    return sorted(found, key=lambda fault: fault.line)[:MOST_SHOWN]


def _missing_link(body: str, kind: MailKind) -> str:
    """Return the fault of a text that lacks the link that this kind of mail is for."""
    needed = [one for one in placeholders.of(kind) if one.value == LINK.get(kind)]
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


def _faults_of_addresses(
    body: str, kind: MailKind, is_hosted: Callable[[str], bool]
) -> list[Fault]:
    lines = clean(body).split("\n")
    reader = _Permissive(kind)
    found = []
    for block in reader.parse(placeholders.with_slots("\n".join(lines), kind)):
        first, last = block.map or (0, len(lines))
        for token in block.children or ():
            words, address = _fault_of_address(token, reader, is_hosted)
            if not words:
                continue
            block_lines = enumerate(lines[first:last], start=first + 1)
            having = (number for number, line in block_lines if address and address in line)
            found.append(Fault(next(having, first + 1), words))
    return found


def _fault_of_address(
    token: Token, reader: Reader, is_hosted: Callable[[str], bool]
) -> tuple[str, str]:
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
