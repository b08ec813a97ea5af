"""The mail doctor's page: looks when it is told to, shows the worst first, for owners alone."""

import re

import pytest

from service.clock import now
from service.doctor import cases, examinations
from service.doctor.findings import (
    IN_SETTINGS,
    Check,
    Record,
    Remedy,
    State,
    bad,
    good,
    phrase,
    warning,
)
from service.extensions import db, queue
from service.models import OutboxMessage, Role
from tests.builders import a_company, a_member, logged_in
from tests.dns_server import dns_server
from tests.doctor.test_examinations import ZONE
from tests.pages import send

RECORD = Record("_dmarc.norte.es", "TXT", "v=DMARC1; p=none")
FOUND = (
    bad(
        Check.dmarc,
        phrase("%(domain)s has no DMARC <record>.", domain="norte.es"),
        Remedy(
            IN_SETTINGS, phrase("Add it."), (Record("_dmarc.norte.es", "TXT", "v=DMARC1; p=none"),)
        ),
    ),
    warning(Check.pipelining, phrase("No PIPELINING.")),
    good(Check.spf, phrase("SPF is <b>well</b>.")),
)


def a_report(*findings):
    return examinations.Report("hola@norte.es", "mail.norte.es:587", now(), findings or FOUND)


@pytest.fixture
def owner(client):
    a_company(language="en", sender_email="hola@norte.es")
    return logged_in(client, a_member(language="en"))


@pytest.fixture
def examined(monkeypatch):
    """What was examined; every examination finds the same."""
    cases = []

    def examine(case):
        cases.append(case)
        assert not db.session().in_transaction(), "others cannot write while servers are asked"
        return a_report()

    monkeypatch.setattr(examinations, "examine", examine)
    return cases


def test_opening_the_page_asks_nobody_and_says_what_will_be_there(owner, examined):
    page = owner.get("/doctor")
    assert page.status_code == 200
    assert "Nothing was checked yet" in page.text
    assert "Check now" in page.text
    assert examined == []


def test_pressing_the_button_looks_and_leads_to_what_was_found(owner, examined):
    answer = send(owner, "/doctor", {"selector": " Mail2026 "})
    assert (answer.status_code, answer.location) == (303, "/doctor#found")
    assert [case.selector for case in examined] == ["mail2026"]
    page = owner.get("/doctor").text
    titles = re.findall(r"<(?:h2|summary)[^>]*>(?:<[^>]*>)*([^<]+)", page)
    assert [title.strip() for title in titles][1:] == [
        "Put this right",
        "Could be better",
        "All is well",
    ]
    assert "norte.es has no DMARC &lt;record&gt;." in page
    assert "SPF is &lt;b&gt;well&lt;/b&gt;." in page
    for text in ("_dmarc.norte.es", "TXT", "v=DMARC1; p=none"):
        assert f"<code>{text}</code>" in page
    assert len(examined) == 1  # looking at it did not look again


def test_a_page_without_anything_bad_says_so(owner):
    examinations.keep_report(a_report(FOUND[-1]))
    assert "Nothing stands in the way" in owner.get("/doctor").text


def test_a_selector_that_is_none_is_asked_for_again(owner, examined):
    answer = send(owner, "/doctor", {"selector": "a;b"})
    assert answer.status_code == 422
    assert 'value="a;b"' in answer.text
    assert examined == []


def test_two_at_once_are_one(owner, examined):
    assert examinations.begin_run()
    answer = send(owner, "/doctor")
    assert answer.status_code == 303
    assert examined == []
    assert "checking already" in owner.get("/doctor").text
    examinations.end_run()
    assert send(owner, "/doctor").location == "/doctor#found"


def test_a_run_that_breaks_does_not_lock_the_next_one_out(owner, monkeypatch):
    def breaks(_case):
        raise RuntimeError

    monkeypatch.setattr(examinations, "examine", breaks)
    assert send(owner, "/doctor").status_code == 500
    assert examinations.begin_run()


def test_without_redis_the_answer_is_shown_at_once(owner, examined, monkeypatch):
    monkeypatch.setattr(examinations, "keep_report", lambda _report: False)
    answer = send(owner, "/doctor")
    assert answer.status_code == 200
    assert "Put this right" in answer.text


def test_a_sender_that_no_mail_can_come_from_is_said(owner, examined, monkeypatch):
    def unwritable(*_):
        raise cases.rendering.headers.BadAddress("the address is not of the form name@domain")

    monkeypatch.setattr("service.doctor.cases.a_sample_mail", unwritable)
    assert send(owner, "/doctor").status_code == 303
    assert "not of the form" in owner.get("/doctor").text
    assert examined == []


@pytest.mark.parametrize("role", [Role.viewer, Role.member])
def test_only_owners_may_look(client, examined, role):
    a_company()
    logged_in(client, a_member(role=role))
    assert client.get("/doctor").status_code == 403
    assert client.post("/doctor").status_code == 403
    assert examined == []
    for path in ("/mails", "/deliveries"):
        assert "/doctor" not in client.get(path).text


def test_owners_find_the_way_to_it(owner):
    for path in ("/settings", "/mails", "/deliveries"):
        assert 'href="/doctor"' in owner.get(path).text


def test_the_whole_way_with_real_servers_writes_no_mail_down(remade, mailbox):
    with dns_server(ZONE) as dns:
        app = remade(dns_server=dns.place)
        a_company(language="en", sender_email="hola@norte.es")
        browser = logged_in(app.test_client(), a_member(language="en"))
        db.session.rollback()  # a transaction of ours would keep the other app's waiting
        assert send(browser, "/doctor", {"selector": "mail2026"}).status_code == 303
    page = browser.get("/doctor").text
    assert "The mail server accepts hola@norte.es as the sender." in page
    assert "The key at mail2026._domainkey.norte.es is good" in page
    assert queue.jobs.connection.get(examinations.RUNNING) is None
    assert (db.session.query(OutboxMessage).count(), mailbox.messages()) == (0, [])


def test_what_was_found_is_read_in_the_language_of_whoever_looks(client):
    a_company(language="es")
    remedy = Remedy(IN_SETTINGS, phrase("Set MAIL_USE_TLS=yes."))
    words = phrase("The certificate of %(host)s has expired.", host="mail.norte.es")
    examinations.keep_report(a_report(bad(Check.certificate, words, remedy)))
    logged_in(client, a_member(language="en"))
    assert "The certificate of mail.norte.es has expired." in client.get("/doctor").text
    logged_in(client, a_member(language="es"))
    page = client.get("/doctor").text
    assert "El certificado de mail.norte.es ha caducado." in page
    assert "Pon MAIL_USE_TLS=yes." in page
    assert State.bad.value not in page.split("<main")[1].lower().split()
