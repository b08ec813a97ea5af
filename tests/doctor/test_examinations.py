"""All checks together: each by itself, all within a limit, the worst first, kept for later."""

import time

from service.clock import now
from service.doctor import examinations
from service.doctor.cases import DOMAIN, SELECTOR
from service.doctor.examinations import Report, examine
from service.doctor.findings import (
    CHECK_LABELS,
    STATE_NAMES,
    STATE_TITLES,
    Check,
    Finding,
    Phrase,
    State,
    good,
    phrase,
)
from service.extensions import queue
from tests.doctor.cases import PUBLIC, a_case, said
from tests.doctor.signing import published, rsa_key
from tests.mail.scripted_server import STALL, scripted

ZONE = {
    "norte.es": {"TXT": ["v=spf1 mx -all"], "MX": ["10 mail.norte.es."]},
    "mail.norte.es": {"A": [PUBLIC]},
    "mail2026._domainkey.norte.es": {"TXT": [published(rsa_key())]},
    "_dmarc.norte.es": {"TXT": ["v=DMARC1; p=reject; rua=mailto:d@norte.es"]},
    "adios.norte.es": {"A": ["127.0.0.1"]},
}


def examined(dns, server, **environment):
    dns.zone = environment.pop("zone", ZONE)
    place = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": server.port, "DNS_SERVER": dns.place}
    base = {"BASE_URL": "https://adios.norte.es:1", "selector": "mail2026"}
    return examine(a_case(**{**base, **place, **environment}))


def test_everything_is_looked_at_and_the_worst_stands_first(dns):
    with scripted(MAIL="553 not yours") as server:
        report = examined(dns, server)
    assert report.findings[0].state is State.bad
    states = [list(State).index(finding.state) for finding in report.findings]
    assert states == sorted(states)
    seen = {finding.check for finding in report.findings}
    assert seen >= {Check.reach, Check.sender, Check.trial, Check.spf, Check.dkim, Check.dmarc}
    assert seen >= {Check.alignment, Check.mx, Check.ptr, Check.base_url, Check.clock}
    assert seen >= {Check.unsubscribe, Check.size, Check.bounces}
    assert not report.is_well
    assert all(said(finding) for finding in report.findings)


def test_a_sender_that_is_set_up_well_is_well(dns):
    with scripted() as server:
        report = examined(dns, server)
    assert [said(finding) for finding in report.of(State.bad)] == []
    assert report.is_well


def test_a_check_that_breaks_is_unknown_and_ends_nothing(dns, monkeypatch):
    def breaks(*_):
        raise RuntimeError("kaputt")
        yield

    monkeypatch.setattr(examinations.spf, "check", breaks)
    with scripted() as server:
        report = examined(dns, server)
    (finding,) = [each for each in report.findings if each.check is Check.spf]
    assert finding.state is State.unknown
    assert "kaputt" in said(finding)
    assert any(each.check is Check.dmarc for each in report.findings)


def test_a_dns_that_is_silent_leaves_things_unknown_never_bad(dns, monkeypatch):
    monkeypatch.setattr("service.doctor.network.LIFETIME", 0.2)
    silent = {name: {"SILENT": []} for name in (*ZONE, "127.in-addr.arpa")}
    with scripted() as server:
        report = examined(dns, server, zone=silent)
    about_dns = {Check.spf, Check.dkim, Check.dmarc, Check.mx, Check.base_url}
    states = {each.check: each.state for each in report.findings if each.check in about_dns}
    assert states == dict.fromkeys(about_dns, State.unknown)


def test_a_server_that_never_ends_is_left(dns, monkeypatch):
    monkeypatch.setattr(examinations, "FIRST_ROUND", 0.5)
    began = time.monotonic()
    with scripted(EHLO=STALL) as server:
        report = examined(dns, server, MAIL_TIMEOUT=3)
        took = time.monotonic() - began
    assert took < 3
    assert any(
        each.check is Check.reach and each.state is State.unknown for each in report.findings
    )
    assert any(each.check is Check.spf for each in report.findings)


def test_a_sender_without_a_domain_is_bad_and_no_dns_is_asked(dns):
    with scripted() as server:
        report = examined(dns, server, sender="hola@localhost")
    assert [each.check for each in report.of(State.bad)] == [Check.sender]
    assert all(name == "adios.norte.es" for _, name, _ in dns.asked)


def test_a_dns_server_that_is_no_address_is_named(dns):
    with scripted() as server:
        report = examined(dns, server, DNS_SERVER="dns.norte.es")
    assert any("DNS_SERVER" in said(each) for each in report.of(State.unknown))


def test_every_check_and_state_has_a_name():
    assert set(CHECK_LABELS) == set(Check)
    assert set(STATE_TITLES) == set(STATE_NAMES) == set(State)


def a_report(*findings: Finding) -> Report:
    return Report("hola@norte.es", "mail.norte.es:587", now(), findings)


def test_a_report_is_kept_and_read_again_word_for_word(app, dns):
    with scripted(MAIL="553 not yours") as server:
        report = examined(dns, server, zone={**ZONE, "norte.es": {"TXT": ["v=spf1 x -all"]}})
    assert examinations.last_report() is None
    assert examinations.keep_report(report)
    assert examinations.last_report() == report


def test_a_phrase_in_a_phrase_is_said(app):
    inner = phrase("Nobody listens at %(server)s.", server="x:25")
    outer = phrase("The SPF record cannot be used: %(why)s", why=inner)
    assert "x:25" in str(outer)
    assert Phrase.from_data({"text": "a", "values": {}}) == phrase("a")


def test_a_report_of_another_version_is_forgotten(app):
    queue.jobs.connection.set(examinations.KEY, b'{"sender": "a"}')
    assert examinations.last_report() is None
    queue.jobs.connection.set(examinations.KEY, b"nonsense")
    assert examinations.last_report() is None


def test_one_run_at_a_time(app):
    assert examinations.begin_run()
    assert not examinations.begin_run()
    examinations.end_run()
    assert examinations.begin_run()


def test_without_redis_it_runs_and_keeps_nothing(remade):
    other = remade(redis_url="redis://127.0.0.1:1")
    with other.app_context():
        assert examinations.begin_run()
        assert examinations.last_report() is None
        assert not examinations.keep_report(a_report(good(Check.spf, phrase("x"))))
        examinations.end_run()


def test_what_is_a_domain_and_what_is_a_selector():
    for name in ("norte.es", "a-b.norte.com.es", "xn--and-6ma2c.es"):
        assert DOMAIN.fullmatch(name)
    for name in ("norte", "-a.es", "a..es", "a b.es", "norte.es/x", f"{'a' * 64}.es"):
        assert not DOMAIN.fullmatch(name)
    assert SELECTOR.fullmatch("s1.mail_2026")
    assert not SELECTOR.fullmatch("s1;x")
