"""The placeholders (`{{ … }}`) of custom texts: a fixed set, filled in and never computed.

Before a text is read as Markdown each placeholder becomes a slot (see compiled.py). The value
that fills it later is escaped, so a client's name can never become markup.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from service.mail.kinds import RULES
from service.models import MailKind

SURVEYS = frozenset(
    {MailKind.survey_invitation, MailKind.survey_reminder_1, MailKind.survey_reminder_2}
)
ANSWERS = frozenset({MailKind.survey_resume, MailKind.answer_received})
REQUESTS = frozenset({MailKind.testimonial_request, MailKind.testimonial_reminder})
QUOTES = frozenset({MailKind.testimonial_link, MailKind.testimonial_edit})
OF_NO_DEPARTURE = frozenset({"newsletter", "greeting"})  # mails that speak of no departure

_PLACED = re.compile(r"\{\{([^{}\n]*)\}\}")
_LONE_BRACES = re.compile(r"\{\{|\}\}")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One placeholder: the value that fills it, what it means, and where it exists.

    A link alone on its line is the mail's button, with the text `button`; within a sentence that
    text is the link. A block is alone on its line or nowhere; a quotation is such a block.
    """

    name: str
    value: str  # the name of the value that fills it, as context.py calls it
    meaning: Any = ""
    kinds: frozenset[MailKind] | None = None  # None: all mails to clients
    button: Any = ""
    is_block: bool = False
    is_quotation: bool = False
    of_departure: bool = False

    @property
    def is_link(self) -> bool:
        """Whether it becomes an address."""
        return self.value.endswith("_url") and not self.is_block

    @property
    def is_in_subjects(self) -> bool:
        """Whether a subject may have it: links and blocks belong in the body."""
        return not self.is_link and not self.is_block

    @property
    def written(self) -> str:
        """How it is typed."""
        return f"{{{{ {self.name} }}}}"

    @property
    def slot(self) -> str:
        """The marker in its place until the compiled template is filled."""
        return f"\ue000{self.value}\ue001"

    def is_in(self, kind: MailKind) -> bool:
        """Whether mails of `kind` have it."""
        if self.of_departure and kind.value in OF_NO_DEPARTURE:
            return False
        return not RULES[kind].to_team and (self.kinds is None or kind in self.kinds)


ALL = (
    Placeholder("first_name", "reader_name", _l("The reader’s first name")),
    Placeholder("full_name", "full_name", _l("The reader’s full name")),
    Placeholder("company", "client", _l("The reader’s company")),
    Placeholder("our_name", "our_name", _l("The name of your company")),
    Placeholder("responsible", "responsible", _l("Who signs the mail")),
    Placeholder(
        "service",
        "service",
        _l("The service that ends, or “our work together”"),
        of_departure=True,
    ),
    Placeholder(
        "end_date",
        "end_day",
        _l("The day the work together ends, or “the agreed day” when none is known"),
        of_departure=True,
    ),
    Placeholder(
        "answer_until",
        "closes_day",
        _l("The last day to answer the survey"),
        SURVEYS | ANSWERS,
    ),
    Placeholder(
        "score_scale",
        "survey_url",
        _l("The question with the numbers from 0 to 10"),
        SURVEYS,
        is_block=True,
    ),
    Placeholder(
        "survey_link",
        "survey_url",
        _l("The survey"),
        SURVEYS,
        button=_l("Answer the survey"),
    ),
    Placeholder(
        "answer_link",
        "answer_url",
        _l("What they answered, to read and change it"),
        ANSWERS,
        button=_l("Open my answer"),
    ),
    Placeholder(
        "testimonial_link",
        "testimonial_url",
        _l("The page to write a testimonial"),
        REQUESTS,
        button=_l("Write a few words"),
    ),
    Placeholder(
        "my_testimonial_link",
        "quote_url",
        _l("Their testimonial, to read, change or take back"),
        QUOTES,
        button=_l("Open my testimonial"),
    ),
    Placeholder(
        "short_version",
        "edited_quote",
        _l("Their testimonial as you shortened it"),
        frozenset({MailKind.testimonial_edit}),
        is_block=True,
        is_quotation=True,
    ),
    Placeholder(
        "door_link",
        "door_url",
        _l("The page that tells you that they would like to talk"),
        button=_l("I’d like to talk"),
        of_departure=True,
    ),
    Placeholder(
        "years",
        "years",
        _l("How long ago the work together began"),
        frozenset({MailKind.greeting}),
    ),
    Placeholder(
        "preferences_link",
        "preferences_url",
        _l("The page to choose which mails they get"),
        button=_l("Choose which mails I get"),
    ),
    Placeholder("signature", "signature", _l("Name and signature of who writes"), is_block=True),
)
BY_NAME = {placeholder.name: placeholder for placeholder in ALL}

# Mails to the team cannot be edited: only their built-in texts have these, and no list shows them.
_TEAM_WORDS = (
    *("contact", "client", "contact_phone", "contact_email"),
    *("channel", "suits", "given_phone"),
    *("score", "satisfaction", "handover", "return_likelihood", "reasons"),
    *("shown_as", "shown_where"),
    *("since", "count", "of", "server_words"),
    *("expires", "sender"),
)
_TEAM_PAGES = (
    *("departure", "recovery", "contact", "phone", "talk_request"),
    *("moderation", "deliveries", "password", "previews"),
)
_TEAM_QUOTATIONS = ("message", "valued_most", "to_improve", "comment", "quote")
TO_TEAM = (
    Placeholder("first_name", "reader_name"),
    *(Placeholder(name, name) for name in _TEAM_WORDS),
    *(Placeholder(f"{page}_link", f"{page}_url") for page in _TEAM_PAGES),
    *(Placeholder(name, name, is_block=True, is_quotation=True) for name in _TEAM_QUOTATIONS),
    BY_NAME["signature"],
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a text, and how to put it right."""

    line: int
    words: str


def of(kind: MailKind) -> list[Placeholder]:
    """Return the placeholders that custom texts of `kind` have; of mails to the team, none."""
    return [placeholder for placeholder in ALL if placeholder.is_in(kind)]


@lru_cache(maxsize=len(MailKind))
def known(kind: MailKind) -> Mapping[str, Placeholder]:
    """Return all placeholders of the built-in text of `kind`, by name."""
    found = TO_TEAM if RULES[kind].to_team else of(kind)
    return {placeholder.name: placeholder for placeholder in found}


def names_in(text: str) -> set[str]:
    """Return the names of the known placeholders in `text`."""
    return {name for match in _PLACED.finditer(text) if (name := match[1].strip()) in BY_NAME}


def faults(text: str, kind: MailKind, *, in_subject: bool = False) -> Iterator[Fault]:
    """Yield what is wrong with the placeholders of `text`, in the language that is set."""
    allowed = {placeholder.name: placeholder for placeholder in of(kind)}
    for number, line in enumerate(text.split("\n"), start=1):
        for words in _faults_of_line(line, allowed, in_subject):
            yield Fault(number, words)


def with_slots(text: str, kind: MailKind, *, in_subject: bool = False) -> str:
    """Return `text` with placeholders as slots; those that `kind` does not have stay as typed."""
    return _PLACED.sub(lambda match: _slot_of(match, kind, in_subject), text)


def _slot_of(match: re.Match[str], kind: MailKind, in_subject: bool) -> str:
    placeholder = known(kind).get(match[1].strip())
    if placeholder is None:
        return match[0]
    if in_subject and not placeholder.is_in_subjects:
        return match[0]
    if placeholder.is_block:  # named after the block: the template draws it
        return f"\ue000{placeholder.name}\ue001"
    return placeholder.slot


def _faults_of_line(line: str, allowed: dict[str, Placeholder], in_subject: bool) -> Iterator[str]:
    if _LONE_BRACES.search(_PLACED.sub("", line)):
        yield gettext(
            "Two braces open or close nothing. A placeholder looks like this: %(example)s",
            example=BY_NAME["first_name"].written,
        )
    for match in _PLACED.finditer(line):
        name = match[1].strip()
        placeholder = allowed.get(name)
        if placeholder is None:
            yield _unknown(name, allowed)
        elif in_subject and not placeholder.is_in_subjects:
            yield gettext("%(name)s can stand in the text, not in the subject.", name=match[0])
        elif placeholder.is_block and line.strip() != match[0]:
            yield gettext("%(name)s must stand alone on its line.", name=match[0])


def _unknown(name: str, allowed: dict[str, Placeholder]) -> str:
    written = "{{ " + (name if len(name) <= 40 else name[:39] + "…") + " }}"
    if name in BY_NAME:
        return str(gettext("This mail has no %(name)s.", name=written))
    near = get_close_matches(name[:60].lower().replace(" ", "_"), allowed, n=1)
    words = gettext("There is no placeholder %(name)s. The list shows all there are.", name=written)
    if near:
        words = gettext(
            "There is no placeholder %(name)s. Did you mean %(near)s?",
            name=written,
            near=allowed[near[0]].written,
        )
    return str(words)
