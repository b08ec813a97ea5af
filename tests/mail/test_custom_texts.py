"""Whose text a mail is in: its step's, its kind's, or the built-in one; found in one query."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event

from service.config import LANGUAGES
from service.extensions import db
from service.mail.kinds import RULES
from service.mail.policy import conditions
from service.mail.rendering.built_in_texts import default
from service.mail.rendering.messages import decoded
from service.mail.rendering.related_rows import load
from service.mail.rendering.rendering import (
    Rendering,
    company_facts,
    render,
    render_context,
    render_many,
)
from service.mail.rendering.text_drafts import check
from service.messages.actions import send_test_mail
from service.messages.queries import kinds
from service.models import MailKind, MailText
from service.models.steps import NATURES
from tests.builders import a_company, a_member, a_protocol, added
from tests.mail.mails import a_mail, a_reminder

TO_CLIENTS = [kind for kind in MailKind if not RULES[kind].to_team]
SIGNED = "Escríbenos cuando quieras"


@pytest.fixture
def statements(app) -> Iterator[Callable[[Callable[[], object]], int]]:
    """A function that counts the statements of what it calls."""
    asked: list[object] = []

    def note(*words: object) -> None:
        asked.append(words)

    def counted(call: Callable[[], object]) -> int:
        asked.clear()
        call()
        return len(asked)

    event.listen(db.engine, "before_cursor_execute", note)
    yield counted
    event.remove(db.engine, "before_cursor_execute", note)


def a_text(**more) -> MailText:
    values = {"place": "own_text", "language": "es", "subject": "De todos", "body": "Hola."}
    return added(MailText(**{**values, **more}))


def test_a_step_without_a_text_of_its_own_has_that_of_its_kind(app):
    a_company()
    a_text()
    assert render(a_mail(MailKind.own_text, step="a_month_later")).subject == "De todos"


def test_texts_of_another_protocol_or_language_are_not_ours(app):
    a_company()
    a_text(place="thank_you", protocol_id=a_protocol().id)
    a_text(place="thank_you", language="en")
    assert render(a_mail(MailKind.thank_you)).subject == "Gracias por todo"


def test_a_batch_asks_once_for_all_texts(app, statements):
    a_company()
    a_text()
    a_text(place="thank_you")
    kinds = (MailKind.thank_you, MailKind.own_text, MailKind.door_open)
    few = [a_mail(kind) for kind in kinds]
    many = [*few, *(a_mail(kind) for kind in kinds * 2)]
    assert statements(lambda: render_many(few)) == statements(lambda: render_many(many))
    assert [mail.subject for mail in render_many(many)][:2] == ["De todos"] * 2


def test_a_mail_to_the_team_is_never_in_words_of_ones_own(app):
    a_company()
    a_text(place="alert_low_score")
    assert render(a_mail(MailKind.alert_low_score)).subject != "De todos"


def test_every_mail_that_a_step_may_send_can_have_a_text(app):
    assert set(NATURES) <= set(kinds())


def test_all_that_a_mail_says_is_read_before_it_is_written(app, statements):
    """Mails are prepared while a server thinks, without a connection to ask by."""
    a_company()
    a_text(place="thank_you", body="{{ full_name }}, {{ company }}, {{ service }}, {{ door_link }}")
    row = a_mail(MailKind.thank_you)
    test = send_test_mail(MailKind.thank_you, "es", a_member(), like=row.departure)
    db.session.commit()
    contexts = load(conditions.rows_of([row.id, test.id]))
    facts = company_facts()
    db.session.expunge_all()
    db.session.commit()
    mails: list[Rendering] = []
    assert (
        statements(lambda: mails.extend(render_context(context, facts) for context in contexts))
        == 0
    )
    assert [mail.subject for mail in mails] == ["De todos"] * 2


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", TO_CLIENTS)
def test_a_built_in_text_can_be_saved_as_it_is(any_app, kind, language):
    faults = check(default(kind, language), kind)
    assert not faults, (faults.subject, faults.body)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_built_in_text_saved_as_ones_own_says_the_same(app, language):
    a_company(signature=SIGNED)
    for kind in set(TO_CLIENTS) - {MailKind.newsletter}:  # it has no words but its issue's
        row = a_reminder(kind, language) if RULES[kind].is_reminder else a_mail(kind, language)
        if kind is MailKind.door_open:
            row.departure.end_on -= timedelta(days=30)
        if kind is MailKind.thank_you:  # its text is one for whenever it ends
            row.departure.end_on = None
        shown = render(row)
        words = default(kind, language)
        added(MailText(place=kind, language=language, subject=words.subject, body=words.body))
        own = render(row)
        assert own.subject == shown.subject, kind
        assert _body(decoded(own.text)) == _body(decoded(shown.text)), kind
        assert own.html != shown.html, f"{kind} is not in its own words at all"
        db.session.rollback()
        a_company(signature=SIGNED)


def _body(text: str) -> str:
    """A text part without the tokens of its links, which are signed anew each second."""
    return re.sub(r"(http://localhost/\w/)\S+", r"\1", text)


def test_nobody_sells_to_whoever_leaves(any_app):
    for kind in (MailKind.door_open, MailKind.closing_letter, MailKind.own_text):
        words = default(kind, "en")
        assert not re.search(r"discount|offer|price|deal|%|free", words.subject + words.body)
