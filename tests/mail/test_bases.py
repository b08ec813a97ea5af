"""The gate asks on which basis a mail may go; and what every mail owes to its reader."""

import re
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import event

from service.clock import now, today
from service.extensions import db
from service.labels import WHY_NOT
from service.mail import outbox
from service.mail.kinds import RULES, Rules
from service.mail.policy import conditions
from service.models import ConsentPurpose, MailKind, SkipReason
from tests.builders import a_company, a_contact
from tests.mail import deliveries
from tests.mail.mails import ALL, a_mail, html_of, parsed, text_of

NEWSLETTER = Rules(is_transactional=False, purpose=ConsentPurpose.newsletter)
LONG_AGO = timedelta(days=3 * 366)
BULK = MailKind.testimonial_request  # stands for a kind with a purpose
TO_CONTACTS = [(kind, language) for kind, language in ALL if not RULES[kind].to_team]
PAGES = {"s", "r", "t", "q", "p", "d", "f", "n"}  # what contacts' links open, and no other


@pytest.fixture
def ana(session, monkeypatch):
    """A former client of three years ago who has said nothing since."""
    monkeypatch.setitem(RULES, BULK, NEWSLETTER)
    a_company()
    return a_contact(left_on=today("Europe/Madrid") - LONG_AGO)


def why(ana, kind=BULK):
    return outbox.write(kind, ana, subject=f"{kind}:{now()}").skip_reason


def test_a_mail_without_a_basis_is_written_as_skipped_with_its_reason(ana):
    assert why(ana) is SkipReason.basis_ended
    ana.newsletter_consent_at = now() - LONG_AGO
    assert why(ana) is None


def test_the_provider_may_choose_not_to_keep_in_touch(ana):
    ana.left_on, ana.keep_in_touch = None, False
    assert why(ana) is SkipReason.keep_in_touch_off


@pytest.mark.parametrize("kind", [kind for kind in MailKind if RULES[kind].purpose is None])
def test_what_has_no_purpose_of_its_own_is_never_stopped_by_a_basis(ana, kind):
    ana.keep_in_touch = ana.newsletter = ana.greetings = ana.check_ins = False
    if not RULES[kind].to_team and kind is not BULK:
        assert why(ana, kind) is None


def test_each_reason_has_a_sentence():
    assert set(WHY_NOT) == set(SkipReason)


def test_a_basis_that_ended_meanwhile_is_seen_at_the_claim(ana):
    row = a_mail(BULK, contact=ana)
    assert conditions.reasons([row], now()) == {row.id: SkipReason.basis_ended}


@contextmanager
def counted():
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_):
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield asked
    event.remove(db.engine, "before_cursor_execute", note)


def test_a_basis_costs_no_query_for_each_mail(ana):
    counts = []
    ids = [deliveries.a_mail(BULK, contact=ana).id for _ in range(12)]
    for some in (ids[:2], ids):
        db.session.commit()
        db.session.expunge_all()
        rows = conditions.rows_of(some)
        with counted() as asked:
            assert len(conditions.reasons(rows, now())) == len(some)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def links_of(mail) -> set[str]:
    html = re.findall(r'href="([^"]+)"', html_of(mail))
    return {*html, *re.findall(r"https?://\S+", text_of(mail))}


@pytest.mark.parametrize(("kind", "language"), TO_CONTACTS)
def test_links_lead_straight_to_a_page_and_count_nothing(every_mail, kind, language):
    """No address inside another, no name of a campaign: only the page, and the score chosen."""
    for link in links_of(parsed(every_mail[kind, language])):
        parts = urlsplit(link)
        assert parts.netloc == "localhost"
        assert parts.path.split("/")[1] in PAGES
        assert parse_qs(parts.query).keys() <= {"score", "m"}  # which number, from which mail
        assert not parts.fragment


@pytest.mark.parametrize(("kind", "language"), TO_CONTACTS)
def test_no_mail_asks_whether_it_was_read(every_mail, kind, language):
    mail = parsed(every_mail[kind, language])
    asking = {"disposition-notification-to", "return-receipt-to", "x-confirm-reading-to"}
    assert asking.isdisjoint(name.lower() for name in mail)
    pictures = re.findall(r"<img[^>]*>", html_of(mail))
    assert all('src="cid:' in picture for picture in pictures)
    assert not any(re.search(r'(width|height)="?[01]\b', picture) for picture in pictures)


@pytest.mark.parametrize(("kind", "language"), TO_CONTACTS)
def test_what_nobody_asked_for_says_in_both_parts_how_to_stop_it(every_mail, kind, language):
    mail = parsed(every_mail[kind, language])
    words = "o dejar de recibirlos" if language == "es" else "or stop them"
    for said in (text_of(mail), html_of(mail)):
        assert (words in said) is not RULES[kind].is_transactional
