"""Mail scanners open every link of every mail, some in a real browser. Nothing may come of it."""

import hashlib
import re
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import select

from service.extensions import db
from service.mail import links, outbox, rendering, wire
from service.mail.kinds import RULES
from service.models import InvitationKind, MailKind, Testimonial
from tests.builders import (
    a_company,
    a_departure,
    a_provider,
    a_response,
    added,
    an_invitation,
)
from tests.live import DESK
from tests.mail.mails import an_issue

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
TO_CLIENTS = [kind for kind in MailKind if not RULES[kind].to_provider]
ABOUT_AN_ANSWER = ("answer", "survey_resume", "testimonial")


def all_rows() -> str:
    """Return a hash of everything in the database."""
    digest = hashlib.sha256()
    for table in db.metadata.sorted_tables:
        for row in db.session.execute(select(table).order_by(*table.primary_key.columns)):
            digest.update(repr((table.name, *row)).encode())
    db.session.rollback()
    return digest.hexdigest()


def links_of_every_mail() -> set[str]:
    """Write a mail of each kind to a client and return the addresses in it, header lines too."""
    responsible = a_provider()
    silent = an_invitation(departure=a_departure(responsible=responsible)).departure
    answered = a_response(invitation=an_invitation(departure=a_departure())).departure
    an_invitation(departure=answered, kind=InvitationKind.testimonial)
    added(Testimonial(departure=answered, quote="Bien.", edited_quote="B.", language="es"))
    found = {links.door(answered.contact)}
    for kind in TO_CLIENTS:
        departure = answered if kind.startswith(ABOUT_AN_ANSWER) else silent
        row = outbox.write(kind, departure.contact, subject="scanned", departure=departure)
        row.message_id = f"<{kind}@localhost>"
        row.issue_id = an_issue().id if kind is MailKind.newsletter else None
        mail = rendering.render(row)
        text = wire.decoded(mail.html) + wire.decoded(mail.text) + repr(mail.extra_headers)
        found |= set(re.findall(r"http://localhost[^\s\"'<>]*", text))
    return {address.replace("&amp;", "&") for address in found}


def test_opening_every_link_of_every_mail_changes_no_row(live, browser, session):
    a_company()
    addresses = links_of_every_mail()
    session.commit()
    kinds = {address.removeprefix("http://localhost/").split("/")[0] for address in addresses}
    assert kinds >= {"s", "r", "t", "q", "p", "d"}
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
