"""The mail server: reached, encrypted, logged in to, and content with our addresses."""

import socket

import pytest

from service.doctor import cases, mail_server
from service.doctor.cases import Evidence
from service.doctor.findings import Check, State
from tests.doctor.authority import authority, certificate
from tests.doctor.cases import a_case, of, said
from tests.mail.scripted_server import CLOSE, STALL, scripted
from tests.mailboxes import smtp

ALL = (
    "250-mail.norte.es hello\r\n250-SIZE 10485760\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8"
)
LOGIN = {"MAIL_USERNAME": "norte", "MAIL_PASSWORD": "right"}


def found(server, **environment):
    environment = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": server.port, **environment}
    evidence = Evidence()
    seen = list(mail_server.check(a_case(**environment), evidence))
    assert evidence.is_reached == (of(Check.sender, seen) != [])
    return seen


def elsewhere(monkeypatch):
    """Let 127.0.0.1 count as a server far away."""
    monkeypatch.setattr(mail_server, "is_local", lambda _host: False)


@pytest.fixture
def trusting(tmp_path, monkeypatch):
    """Believe the tests' authority; returns where certificates can be written."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority(tmp_path)))
    return tmp_path


def states(findings):
    return {finding.check: finding.state for finding in findings}


def test_a_server_that_offers_all_is_good_and_nothing_is_sent():
    with scripted(EHLO=ALL) as server:
        seen = found(server, MAIL_BOUNCE_ADDRESS="bounces@norte.es")
        assert set(states(seen).values()) == {State.good}
        assert "DATA" not in server.verbs()
        assert server.commands[1:] == [
            "MAIL FROM:<hola@norte.es>",
            "RSET",
            "MAIL FROM:<bounces+doctor@norte.es>",
            "RCPT TO:<bounces+doctor@norte.es>",
            "RSET",
            "QUIT",
        ]
    assert "mail.norte.es" in of(Check.reach, seen)[0][1]


def test_a_server_without_pipelining_or_smtputf8_is_said_so():
    with scripted(EHLO="250 mail.norte.es") as server:
        seen = found(server)
    assert states(seen)[Check.pipelining] is State.warning
    assert "no SMTPUTF8" in of(Check.letters, seen)[0][1]


def test_a_server_that_takes_only_small_mails_is_bad():
    with scripted(EHLO="250-mail.norte.es\r\n250 SIZE 20000") as server:
        ((state, words),) = of(Check.size, found(server))
    assert state is State.bad
    assert "19 KB" in words


@pytest.mark.parametrize(("stage", "reply"), [("connect", "554 no"), ("EHLO", CLOSE)])
def test_a_server_that_will_not_talk_is_bad(stage, reply):
    with scripted(**{stage: reply}) as server:
        (finding,) = found(server)
    assert (finding.check, finding.state) == (Check.reach, State.bad)


def test_nobody_at_the_port_is_bad():
    with scripted() as server:
        pass
    (finding,) = found(server)
    assert finding.state is State.bad
    assert "Nobody listens" in said(finding)


def test_a_server_that_is_silent_is_bad_and_port_25_is_spoken_of():
    with scripted(connect=STALL) as server:
        (finding,) = found(server, MAIL_TIMEOUT=1)
    assert finding.state is State.bad
    assert "block port 25" in said(finding)


def test_a_name_that_leads_nowhere_is_bad(monkeypatch):
    def unknown(*_args, **_more):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    with scripted() as server:
        (finding,) = found(server, MAIL_SERVER="nowhere.norte.es")
    assert "leads nowhere" in said(finding)


def test_encryption_that_is_offered_and_not_used_is_a_warning(monkeypatch):
    elsewhere(monkeypatch)
    with scripted(EHLO="250-mail\r\n250 STARTTLS") as server:
        ((state, words),) = of(Check.encryption, found(server))
    assert state is State.warning
    assert "MAIL_USE_TLS=yes" in words
    with scripted() as server:
        assert of(Check.encryption, found(server))[0][0] is State.warning


def test_no_encryption_on_ones_own_machine_is_no_matter():
    with scripted(EHLO="250-mail\r\n250 STARTTLS") as server:
        assert of(Check.encryption, found(server))[0][0] is State.good


def with_tls(path, how: str = "MAIL_USE_SSL"):
    """A real SMTP server that shows the certificate at `path`."""
    return smtp("--certificate", str(path), *(["--implicit-tls"] if how == "MAIL_USE_SSL" else []))


@pytest.mark.parametrize(
    ("how", "days", "state"),
    [("MAIL_USE_TLS", 90, State.good), ("MAIL_USE_SSL", 10, State.warning)],
)
def test_a_certificate_that_ends_soon_is_a_warning(trusting, how, days, state):
    with with_tls(certificate(trusting, "127.0.0.1", days), how) as box:
        seen = found(box, **{how: "yes"})
    assert states(seen)[Check.certificate] is state
    assert states(seen)[Check.encryption] is State.good
    assert "TLSv1" in of(Check.encryption, seen)[0][1]


@pytest.mark.parametrize(
    ("host", "days", "words"),
    [("127.0.0.1", -1, "has expired"), ("mail.norte.es", 90, "is for another name")],
)
def test_a_certificate_that_does_not_hold_is_bad(trusting, host, days, words):
    with with_tls(certificate(trusting, host, days)) as box:
        (finding,) = found(box, MAIL_USE_SSL="yes")
    assert (finding.check, finding.state) == (Check.certificate, State.bad)
    assert words in said(finding)


def test_a_certificate_of_nobody_we_know_is_bad(tmp_path):
    with with_tls(certificate(tmp_path, "127.0.0.1")) as box:
        (finding,) = found(box, MAIL_USE_SSL="yes")
    assert "authority that this machine does not know" in said(finding)


def test_tls_on_a_port_that_speaks_none_is_said_with_the_other_setting():
    with scripted() as server:
        (finding,) = found(server, MAIL_USE_SSL="yes")
    assert (finding.check, finding.state) == (Check.encryption, State.bad)
    assert "MAIL_USE_TLS=yes" in said(finding)


def test_starttls_that_is_not_offered_is_bad():
    with scripted() as server:
        (finding,) = found(server, MAIL_USE_TLS="yes")
    assert (finding.check, finding.state) == (Check.encryption, State.bad)


def test_a_real_server_takes_a_real_login():
    with smtp("--login", "norte:right") as box:
        assert states(found(box, **LOGIN))[Check.login] is State.good
        (reach, login) = found(box, **{**LOGIN, "MAIL_PASSWORD": "wrong"})
        assert (reach.state, login.state) == (State.good, State.bad)
        assert "MAIL_PASSWORD" in said(login)
        assert box.messages() == []


def test_a_password_in_the_clear_is_bad_even_when_it_is_taken(monkeypatch):
    elsewhere(monkeypatch)
    with scripted(EHLO="250-mail\r\n250 AUTH PLAIN") as server:
        ((state, words),) = of(Check.login, found(server, **LOGIN))
    assert state is State.bad
    assert "right" not in words


def test_half_a_login_is_bad():
    with scripted() as server:
        assert of(Check.login, found(server, MAIL_USERNAME="norte"))[0][0] is State.bad


def test_a_login_where_none_is_offered_is_bad():
    with scripted() as server:
        (finding,) = found(server, **LOGIN)
    assert (finding.check, finding.state) == (Check.login, State.bad)


def test_a_login_that_is_offered_far_away_and_not_set_is_a_hint(monkeypatch):
    with scripted(EHLO="250-mail\r\n250 AUTH PLAIN") as server:
        assert of(Check.login, found(server)) == []  # on this machine nobody has to log in
        monkeypatch.setattr(cases, "is_local", lambda _host: False)
        assert of(Check.login, found(server))[0][0] is State.unknown


def test_a_sender_that_is_refused_is_bad():
    with scripted(MAIL="553 5.7.1 not yours") as server:
        ((state, words),) = of(Check.sender, found(server))
    assert state is State.bad
    assert "553 5.7.1 not yours" in words


def test_a_server_that_wants_a_login_first_is_said_so():
    with scripted(MAIL="530 5.7.0 log in first") as server:
        evidence = Evidence()
        case = a_case(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port)
        ((state, words),) = of(Check.login, mail_server.check(case, evidence))
    assert state is State.bad
    assert "MAIL_USERNAME" in words


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ({"MAIL": ["250 ok", "553 not yours"]}, "as the sender: 553 not yours"),
        ({"RCPT": "550 5.1.1 unknown"}, "recipient_delimiter"),
    ],
)
def test_a_bounce_address_that_is_refused_is_bad(replies, words):
    with scripted(**replies) as server:
        seen = of(Check.bounces, found(server, MAIL_BOUNCE_ADDRESS="bounces@norte.es"))
    assert seen[0][0] is State.bad
    assert words in seen[0][1]


def test_no_bounce_address_is_a_warning_unless_a_webhook_reports():
    with scripted() as server:
        assert of(Check.bounces, found(server))[0][0] is State.warning
        assert of(Check.bounces, found(server, MAILGUN_KEY="x"))[0][0] is State.good
