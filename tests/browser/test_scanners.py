"""Mail scanners open every link of every mail, some in a real browser. Nothing may come of it."""

import hashlib
import re
from time import monotonic, sleep
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import select

from service.clock import now
from service.extensions import db
from service.mail import links, outbox
from service.mail.kinds import RULES
from service.mail.rendering import messages, rendering
from service.models import (
    InvitationKind,
    MailKind,
    NewsletterIssue,
    NewsletterLink,
    Testimonial,
)
from tests.builders import (
    a_company,
    a_departure,
    a_member,
    a_response,
    added,
    an_invitation,
)
from tests.live import DESK
from tests.mail.mails import an_issue

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
TO_CLIENTS = [kind for kind in MailKind if not RULES[kind].to_team]
ABOUT_AN_ANSWER = ("answer", "survey_resume", "testimonial")


def all_rows(*, but_openings: bool = False) -> str:
    """Return a hash of everything in the database; if asked, but for the tally of opened links."""
    digest = hashlib.sha256()
    for table in db.metadata.sorted_tables:
        tally = NewsletterLink.__table__.c.openings if but_openings else None
        columns = [column for column in table.columns if column is not tally]
        for row in db.session.execute(select(*columns).order_by(*table.primary_key.columns)):
            digest.update(repr((table.name, *row)).encode())
    db.session.rollback()
    return digest.hexdigest()


def a_counted_issue(leads_to: str) -> NewsletterIssue:
    """An issue with a link whose openings are counted."""
    texts = {"es": {"subject": "Hola", "body": f"Mira [la web]({leads_to})."}}
    issue = an_issue(texts=texts, counts_links=True)
    added(NewsletterLink(issue_id=issue.id, number=1, address=leads_to))
    return issue


def links_of_every_mail(home: str) -> set[str]:
    """Write a mail of each kind to a client and return the addresses in it, header lines too."""
    responsible = a_member()
    silent = an_invitation(departure=a_departure(responsible=responsible)).departure
    answered = a_response(invitation=an_invitation(departure=a_departure())).departure
    an_invitation(departure=answered, kind=InvitationKind.testimonial)
    edited = {"quote": "Bien.", "edited_quote": "B.", "edit_sent_at": now()}
    added(Testimonial(departure=answered, language="es", **edited))
    found = {links.talk(answered.contact)}
    for kind in TO_CLIENTS:
        departure = answered if kind.startswith(ABOUT_AN_ANSWER) else silent
        row = outbox.write(kind, departure.contact, subject="scanned", departure=departure)
        row.message_id = f"<{kind}@localhost>"
        row.issue_id = a_counted_issue(f"{home}/login").id if kind is MailKind.newsletter else None
        mail = rendering.render(row)
        text = messages.decoded(mail.html) + messages.decoded(mail.text) + repr(mail.extra_headers)
        found |= set(re.findall(r"http://localhost[^\s\"'<>]*", text))
    return {address.replace("&amp;", "&") for address in found}


def test_opening_every_link_of_every_mail_changes_no_row(live, browser, session):
    a_company()
    addresses = links_of_every_mail(live.url)
    session.commit()
    kinds = {address.removeprefix("http://localhost/").split("/")[0] for address in addresses}
    assert kinds >= {"s", "r", "t", "q", "p", "d", "n"}
    assert any(address.endswith("/1") for address in addresses)  # one that is counted
    before = all_rows()
    page = browser(DESK)
    for address in sorted(addresses):
        here = address.replace("http://localhost", live.url, 1)
        for method in ("HEAD", "GET", "GET"):
            headers = {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender"}
            urlopen(Request(here, method=method, headers=headers)).close()
        page.goto(here, wait_until="networkidle")
        page.wait_for_timeout(100)
    assert all_rows() == before


def test_a_scanner_that_passes_for_a_person_changes_the_tally_of_a_link_and_nothing_else(
    live, session
):
    """The one exception to "opening changes nothing": it is about nobody and decides nothing."""
    a_company()
    addresses = links_of_every_mail(live.url)
    session.commit()
    before, everything = all_rows(but_openings=True), all_rows()
    for address in sorted(addresses):
        here = address.replace("http://localhost", live.url, 1)
        headers = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}
        for _ in range(2):
            urlopen(Request(here, headers=headers)).close()
    until = monotonic() + 10  # it is counted behind the answers
    while all_rows() == everything:
        assert monotonic() < until, "the tally was to grow"
        sleep(0.05)
    assert all_rows(but_openings=True) == before
