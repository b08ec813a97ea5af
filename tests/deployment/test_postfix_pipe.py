"""What comes back reaches the service through a real Postfix, set up as docs/deployment.md says."""

import smtplib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path

import pytest
from flask import current_app
from sqlalchemy import func, select

from service import tasks
from service.clock import today
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.mail.policy import suppressions
from service.models import (
    Enrolment,
    EnrolmentState,
    Event,
    EventKind,
    Evidence,
    InboundArrival,
    InboundMail,
    InboundSource,
    MailState,
    OutboxMessage,
    Outcome,
    SuppressionReason,
)
from service.protocols import jobs as advancing
from tests.builders import a_company, a_contact, a_member
from tests.deployment.installed import BOUNCES, configure, handing_over_to
from tests.deployment.programs import filled_in
from tests.deployment.test_programs import where_it_is_noon
from tests.mail.coming_in import dsn, verp_of
from tests.mail.deliveries import deliver, fresh
from tests.mail.mails import parsed
from tests.postfix import ELSEWHERE, Postfix
from tests.servers import Postgres

pytestmark = pytest.mark.parametrize("database", ["postgresql"])


@pytest.fixture
def handing_over(
    app, bouncing, settings, postfix: Postfix, install: Path, monkeypatch
) -> Iterator[Postfix]:
    """Postfix as documented; the app sends through it."""
    bouncing(mail_bounce_address=BOUNCES)
    monkeypatch.setattr(current_app.extensions["mail"], "port", postfix.ports["plain"])
    configure(install, filled_in(settings, 8000) | {"MAIL_BOUNCE_ADDRESS": BOUNCES})
    with handing_over_to(install, postfix):
        yield postfix


def a_farewell_to(address: str) -> OutboxMessage:
    """Record a departure and return the first mail of its protocol, sent."""
    zone = where_it_is_noon()
    a_company(time_zone=zone)
    facts = Facts(service="SEO", notice_on=today(zone) - timedelta(days=2))
    departures.record(a_contact(email=address), facts, by=a_member())
    db.session.commit()
    advancing.advance()
    row_id = db.session.scalars(select(OutboxMessage.id)).one()
    db.session.commit()
    deliver(row_id)
    return fresh(row_id)


def until(postfix: Postfix, what: Callable[[], bool]) -> None:
    """Wait at most 20 seconds for Postfix to have done something."""
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, postfix.said()[-3000:]
        time.sleep(0.05)


def arrivals() -> int:
    found = db.session.scalar(select(func.count(InboundArrival.id)))
    db.session.rollback()
    return found


def what_arrived(postfix: Postfix, count: int = 1) -> list[InboundMail]:
    """Wait until Postfix has handed over so many mails, read them as a worker does, return them."""
    until(postfix, lambda: arrivals() >= count)
    tasks.read_arrivals()
    return list(db.session.scalars(select(InboundMail)))


def state_of_the_farewell() -> EnrolmentState:
    return db.session.scalars(select(Enrolment.state)).one()


def answer_to(octets: bytes, postfix: Postfix, text: str, **more: str) -> None:
    """Answer a mail as its reader's program does, to the address of ours in its Reply-To."""
    mail, reply = parsed(octets), EmailMessage()
    reply["From"], reply["To"] = mail["To"], mail["Reply-To"]
    reply["Subject"], reply["In-Reply-To"] = f"Re: {mail['Subject']}", mail["Message-ID"]
    reply["Message-ID"] = f"<{len(text)}.{mail['Message-ID'][1:]}"
    for name, value in more.items():
        reply[name.replace("_", "-")] = value
    reply.set_content(text)
    addresses = [address for _name, address in getaddresses([mail["Reply-To"]])]
    [ours] = [address for address in addresses if address.endswith("@bounces.example.com")]
    from_outside(postfix, reply["From"], ours, reply.as_bytes())


def from_outside(postfix: Postfix, sender: str, to: str, mail: bytes) -> None:
    """Send a mail to us as another server does, which may send to nobody else here."""
    with smtplib.SMTP(postfix.host, postfix.ports["outside"]) as line:
        line.sendmail(sender, [to], mail)


def test_a_mail_that_cannot_be_delivered_comes_back_and_its_address_gets_no_more(handing_over):
    row = a_farewell_to(f"nadie@{ELSEWHERE}")
    assert (row.state, row.outcome) == (MailState.sent, None)

    [came] = what_arrived(handing_over)
    row = fresh(row)
    assert (row.state, row.outcome) == (MailState.sent, Outcome.hard_bounced)
    assert "550 5.1.1" in row.outcome_words
    assert (came.source, came.evidence, came.outbox_id) == (
        InboundSource.pipe,
        Evidence.verp,
        row.id,
    )
    found = suppressions.find(f"nadie@{ELSEWHERE}")
    assert found.reason is SuppressionReason.hard_bounce


def test_a_bounce_that_names_us_nowhere_but_on_its_envelope_is_known(handing_over):
    row = a_farewell_to("ana@daz.example")
    mail, to = dsn(row, to="undisclosed@daz.example", returned=""), verp_of(row)
    db.session.rollback()
    from_outside(handing_over, "", to, mail)

    [came] = what_arrived(handing_over)
    assert (came.evidence, fresh(row).outcome) == (Evidence.verp, Outcome.hard_bounced)


def test_an_answer_to_our_address_in_reply_to_pauses_the_farewell(handing_over):
    a_farewell_to("ana@daz.example")
    [octets] = handing_over.wait_for("ana@daz.example")
    answer_to(octets, handing_over, "Gracias a vosotros. ¿Hablamos el lunes?")

    [came] = what_arrived(handing_over)
    assert came.excerpt == "Gracias a vosotros. ¿Hablamos el lunes?"
    assert state_of_the_farewell() is EnrolmentState.paused


def test_an_out_of_office_answer_pauses_nothing(handing_over):
    a_farewell_to("ana@daz.example")
    [octets] = handing_over.wait_for("ana@daz.example")
    answer_to(octets, handing_over, "Estoy fuera.", Auto_Submitted="auto-replied")

    what_arrived(handing_over)
    assert state_of_the_farewell() is EnrolmentState.active
    assert EventKind.auto_replied in db.session.scalars(select(Event.kind)).all()


def test_while_the_database_is_away_postfix_keeps_what_comes_back(
    handing_over, postgres_server: Postgres
):
    before = len(handing_over.said())
    postgres_server.socket_directory.chmod(0o700)
    a_farewell_to(f"nadie@{ELSEWHERE}")
    until(handing_over, lambda: "status=deferred" in handing_over.said()[before:])
    postgres_server.socket_directory.chmod(0o711)
    handing_over.run("postqueue", "-f")

    [came] = what_arrived(handing_over)
    assert came.source is InboundSource.pipe
