"""The built-in texts as Markdown: what the editor begins with makes the mail that goes anyway."""

import re

import pytest

from service.config import LANGUAGES
from service.extensions import db
from service.mail.kinds import RULES
from service.mail.rendering.rendering import render
from service.mail.rendering.text_checks import check
from service.mail.rendering.text_defaults import default
from service.mail.rendering.wire import decoded
from service.models import MailKind, MailText
from tests.builders import a_company, added
from tests.mail.mails import a_mail

TO_CLIENTS = [kind for kind in MailKind if not RULES[kind].to_team]
SIGNED = "Escríbenos cuando quieras"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", TO_CLIENTS)
def test_a_built_in_text_can_be_saved_as_it_is(any_app, kind, language):
    faults = check(default(kind, language), kind)
    assert not faults, (faults.subject, faults.body)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_built_in_text_saved_as_ones_own_says_the_same(app, language):
    a_company(signature=SIGNED)
    for kind in set(TO_CLIENTS) - {MailKind.newsletter}:  # it has no words but its issue's
        row = a_mail(kind, language)
        built_in = render(row)
        words = default(kind, language)
        added(MailText(place=kind, language=language, subject=words.subject, body=words.body))
        own = render(row)
        assert own.subject == built_in.subject, kind
        assert _body(decoded(own.text)) == _body(decoded(built_in.text)), kind
        assert own.html != built_in.html, f"{kind} is not in its own words at all"
        db.session.rollback()
        a_company(signature=SIGNED)


def _body(text: str) -> str:
    """A text part without the tokens of its links, which are signed anew each second."""
    return re.sub(r"(http://localhost/\w/)\S+", r"\1", text)


def test_the_closing_letter_says_that_nothing_is_pending_and_nobody_sells(any_app):
    assert "nothing is pending" in default(MailKind.closing_letter, "en").body
    for kind in (MailKind.door_open, MailKind.closing_letter, MailKind.own_text):
        words = default(kind, "en")
        assert not re.search(r"discount|offer|price|deal|%|free", words.subject + words.body)
