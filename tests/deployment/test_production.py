"""All of a production machine: systemd's programs, PostgreSQL, Redis, Postfix and Dovecot."""

import re
import time
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import pytest
from sqlalchemy import select

from service.clock import today
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.models import OutboxMessage, Outcome
from service.team.actions import passwords
from tests.builders import a_company, a_contact, a_member
from tests.deliveries.test_inbound import a_sent_mail
from tests.deployment.installed import BOUNCES, configure, handing_over_to
from tests.deployment.programs import Running, filled_in, from_units, running
from tests.deployment.test_programs import is_ready, named, where_it_is_noon
from tests.dovecot import Account
from tests.live import free_port
from tests.mail.coming_in import dsn, verp_of
from tests.mail.mails import parsed
from tests.postfix import CERTIFICATES, ELSEWHERE, LOGIN, Postfix

PASSWORD = "una tarde de otoño"


def by_postfix(postfix: Postfix, account: Account) -> dict[str, str]:
    """Return the settings of a machine whose mail goes out and comes back by this Postfix.

    What comes back to an older bounce address lies in a mailbox of this Dovecot.
    """
    username, password = LOGIN
    return {
        "MAIL_PORT": str(postfix.ports["login"]),
        "MAIL_USE_TLS": "yes",
        "MAIL_USERNAME": username,
        "MAIL_PASSWORD": password,
        "MAIL_BOUNCE_ADDRESS": BOUNCES,
        "MAIL_INBOX_URL": account.url(is_tls=True),
    }


def trusting(home: Path, account: Account) -> dict[str, str]:
    """Return what has a worker trust the authorities of both servers' certificates."""
    both = home / "authorities.pem"
    both.write_bytes(
        b"".join(map(Path.read_bytes, (CERTIFICATES / "ca.pem", account.server.authority)))
    )
    return {"SSL_CERT_FILE": str(both)}


def people_leave(*addresses: str) -> None:
    """Record departures that owe their thank-you since yesterday, and somebody who may look."""
    zone = where_it_is_noon()
    a_company(time_zone=zone, language="en")
    marta = a_member(
        email="marta@norte.example", password_hash=passwords.hashed(PASSWORD), language="en"
    )
    facts = Facts(service="SEO", notice_on=today(zone) - timedelta(days=2))
    for address in addresses:
        departures.record(a_contact(email=address), facts, by=marta)
    db.session.commit()


class Behind:
    """A browser behind the reverse proxy, which speaks TLS and says so."""

    def __init__(self, port: int) -> None:
        jar = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self.root = f"http://127.0.0.1:{port}"
        self._opener: OpenerDirector = build_opener(HTTPCookieProcessor(jar))

    def open(self, path: str, **fields: str) -> str:
        """Get a page, or send a form; return what it says."""
        data = urlencode(fields).encode() if fields else None
        headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
        with self._opener.open(Request(self.root + path, data, headers), timeout=10) as answer:
            return answer.read().decode()

    def log_in(self) -> None:
        """Log in as the one who may look."""
        [proof] = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', self.open("/login"))
        form = {"email": "marta@norte.example", "password": PASSWORD, "csrf_token": proof}
        self.open("/login", **form)


def mail_to(address: str) -> OutboxMessage:
    """Return the mail to somebody as it stands now."""
    db.session.rollback()
    found = db.session.scalars(select(OutboxMessage).execution_options(populate_existing=True))
    return next(row for row in found if row.contact and row.contact.email == address)


def comes_back(address: str, worker: Running, seconds: float = 60) -> OutboxMessage:
    """Wait until the service knows that a mail could not be delivered."""
    deadline = time.monotonic() + seconds
    while (row := mail_to(address)).outcome is None:
        assert worker.process.poll() is None, "the worker has ended"
        assert time.monotonic() < deadline, "nothing came back"
        time.sleep(0.1)
    return row


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_farewell_goes_out_and_what_comes_back_is_on_the_page_of_its_mail(
    settings, session, postfix: Postfix, install, account: Account, bouncing, tmp_path
):
    nobody, gone, port = f"nadie@{ELSEWHERE}", "gone@ruy.example", free_port()
    people_leave("ana@daz.example", nobody)
    bouncing(mail_bounce_address=BOUNCES)
    sent_before = a_sent_mail(contact=a_contact(email=gone))
    account.put(dsn(sent_before, to=verp_of(sent_before)))
    db.session.commit()
    environment = filled_in(settings, port) | by_postfix(postfix, account)
    configure(install, environment)
    programs = named(from_units(), "web", "worker", "clock")
    trust = trusting(tmp_path, account)
    with handing_over_to(install, postfix), running(programs, environment | trust) as started:
        web, worker, _clock = started
        is_ready(web, port)

        [octets] = postfix.wait_for("ana@daz.example", seconds=40)
        assert b"with ESMTPSA id" in octets
        assert parsed(octets)["Return-Path"].startswith("<bounces+")

        browser = Behind(port)
        browser.log_in()
        for address in (nobody, gone):  # by Postfix's pipe, and from the mailbox
            row = comes_back(address, worker)
            assert row.outcome is Outcome.hard_bounced
            page = browser.open(f"/deliveries/{row.public_id}")
            assert "550 5.1.1" in page
            assert address in page
