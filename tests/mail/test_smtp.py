"""The SMTP session: every stage can fail, and each failure says what it means."""

import time
from base64 import b64decode
from pathlib import Path
from types import SimpleNamespace

import flask_mail
import pytest

from service.mail.delivery.flask_mail import Connection, Mail
from service.mail.delivery.session import (
    About,
    ConnectionLost,
    Envelope,
    PermanentRefusal,
    Server,
    TemporaryRefusal,
    Undecided,
    Unreachable,
)
from tests.mail.scripted_server import (
    CLOSE,
    HALF_CLOSE,
    RESET,
    STALL,
    ScriptedServer,
    scripted,
)
from tests.mail.test_messages import a_message
from tests.servers import smtp

CERTIFICATES = Path(__file__).with_name("certificates")
MAIL = b"From: a@norte.example\r\n\r\nHola.\r\n"
LOST = [CLOSE, RESET, HALF_CLOSE, STALL]


def connection_to(port: int, **settings) -> Connection:
    values = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": port, "MAIL_TIMEOUT": 0.4, **settings}
    return Connection(Mail().init_mail(values, testing=True))


def to(recipient: str = "ruy@daz.example", sender: str = "") -> Envelope:
    return Envelope(sender, recipient)


def hand_over(server: ScriptedServer, *, recipient="ruy@daz.example", before=lambda: None, **more):
    with connection_to(server.port, **more) as connection:
        return connection.hand_over(MAIL, to(recipient, "marta@norte.example"), before)


def test_a_mail_is_handed_over_in_stages():
    seen = []
    with scripted() as server:
        words = hand_over(server, before=lambda: seen.extend(server.verbs()))
    assert words == "250 kept"
    assert seen == ["EHLO", "MAIL", "RCPT", "DATA"]
    assert server.mails == [MAIL]


def test_the_null_sender_can_be_set():
    with scripted() as server, connection_to(server.port) as connection:
        connection.hand_over(MAIL, to())
    assert server.commands[1] == "MAIL FROM:<>"


def test_a_line_that_begins_with_a_dot_arrives_as_it_was():
    mail = b".a: b\r\n\r\n.\r\n..two\r\nend"
    with scripted() as server, connection_to(server.port) as connection:
        connection.hand_over(mail, to())
    assert server.mails == [mail + b"\r\n"]


def test_many_mails_use_one_connection():
    with scripted() as server, connection_to(server.port) as connection:
        for _ in range(3):
            connection.hand_over(MAIL, to())
    assert server.connections == 1
    assert len(server.mails) == 3


@pytest.mark.parametrize("goodbye", [*LOST, "421 too late", "500 what?", "nonsense"])
def test_an_error_in_quit_after_250_is_not_a_failure(goodbye):
    with scripted(QUIT=goodbye) as server:
        assert hand_over(server) == "250 kept"


@pytest.mark.parametrize("how", [*LOST, "421 busy", "554 no", "nonsense"])
@pytest.mark.parametrize("stage", ["connect", "EHLO"])
def test_no_session_means_unreachable(stage, how):
    with scripted(**{stage: how, "HELO": how}) as server, pytest.raises(Unreachable):
        hand_over(server)
    assert server.mails == []


def test_a_closed_port_means_unreachable():
    with scripted() as server:
        pass
    with pytest.raises(Unreachable):
        hand_over(server)


def test_a_server_that_stalls_is_left_after_the_timeout():
    began = time.monotonic()
    with scripted(connect=STALL) as server, pytest.raises(Unreachable):
        hand_over(server)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("how", [*LOST, "nonsense"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_a_connection_lost_before_the_mail_leaves_means_unreachable(stage, how):
    with scripted(**{stage: how}) as server, pytest.raises(Unreachable):
        hand_over(server)


@pytest.mark.parametrize("how", [*LOST, "nonsense", "399 perhaps"])
def test_a_connection_lost_after_the_mail_left_means_undecided(how):
    with scripted(body=how) as server, pytest.raises(Undecided):
        hand_over(server)


STAGES = {"MAIL": About.sender, "RCPT": About.recipient, "DATA": About.message}
STAGES["body"] = About.message


@pytest.mark.parametrize("code", [421, 450, 451, 452])
@pytest.mark.parametrize("stage", STAGES)
def test_a_4xx_is_a_refusal_for_now(stage, code):
    with (
        scripted(**{stage: f"{code} come back later"}) as server,
        pytest.raises(TemporaryRefusal, match=f"{code} come back later") as refusal,
    ):
        hand_over(server)
    assert (refusal.value.code, refusal.value.about) == (code, STAGES[stage])


@pytest.mark.parametrize("code", [550, 551, 552, 553, 554])
@pytest.mark.parametrize("stage", STAGES)
def test_a_5xx_is_a_refusal_for_good(stage, code):
    with (
        scripted(**{stage: f"{code}-no\r\n{code} 5.1.1 unknown"}) as server,
        pytest.raises(PermanentRefusal, match=r"no 5\.1\.1 unknown") as refusal,
    ):
        hand_over(server)
    assert (refusal.value.code, refusal.value.about) == (code, STAGES[stage])


PIPELINES = "250-scripted.test\r\n250 PIPELINING"
NEXT = "ana@cruz.example"


def test_where_it_is_offered_the_next_envelope_travels_with_the_mail_before_it():
    with scripted(EHLO=PIPELINES) as server, connection_to(server.port) as connection:
        session = connection.session
        session.announce(to())
        session.go()
        assert session.send(MAIL, to(NEXT)) == "250 kept"
        assert session.is_announced(to(NEXT))
        session.go()
        assert session.send(MAIL) == "250 kept"
    assert server.mails == [MAIL, MAIL]
    assert server.commands[1:7] == [
        *("MAIL FROM:<>", "RCPT TO:<ruy@daz.example>", "DATA"),
        *("MAIL FROM:<>", f"RCPT TO:<{NEXT}>", "DATA"),
    ]


def test_a_mail_never_leaves_on_a_session_that_waits_for_another():
    with scripted(EHLO=PIPELINES) as server, connection_to(server.port) as connection:
        connection.session.announce(to())
        connection.session.go()
        connection.session.send(MAIL, to(NEXT))
        with pytest.raises(ConnectionLost):
            connection.session.announce(to("somebody@else.example"))
        assert not connection.is_open
    assert server.mails == [MAIL]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_an_envelope_refused_in_a_group_stops_only_its_own_mail(stage):
    usual = {"DATA": "354 go on"}.get(stage, "250 ok")
    replies = {"EHLO": PIPELINES, stage: ["451 later", usual]}
    with scripted(**replies) as server, connection_to(server.port) as connection:
        with pytest.raises(TemporaryRefusal, match="later"):
            connection.hand_over(MAIL, to())
        assert connection.hand_over(MAIL, to(NEXT)) == "250 kept"
    assert server.connections == 1
    taken = [mail for mail in server.mails if mail]  # a lone dot ends what was allowed in error
    assert taken == [MAIL]


@pytest.mark.parametrize("stage", STAGES)
def test_after_a_refusal_the_next_mail_goes_out_on_the_same_connection(stage):
    usual = {"DATA": "354 go on"}.get(stage, "250 ok")
    with (
        scripted(**{stage: ["451 later", usual]}) as server,
        connection_to(server.port) as connection,
    ):
        with pytest.raises(TemporaryRefusal):
            connection.hand_over(MAIL, to())
        assert connection.is_open
        connection.hand_over(MAIL, to())
    assert (server.connections, server.mails) == (1, [MAIL])


def test_after_421_the_connection_is_not_used_again():
    with scripted(MAIL="421 bye") as server, connection_to(server.port) as connection:
        with pytest.raises(TemporaryRefusal):
            connection.hand_over(MAIL, to())
        assert not connection.is_open


def test_a_server_that_wants_a_login_is_unreachable_and_blames_no_mail():
    with scripted(MAIL="530 log in first") as server, pytest.raises(Unreachable, match="530"):
        hand_over(server)


def test_what_goes_wrong_before_the_mail_leaves_ends_the_session_and_nothing_is_taken():
    class LostLease(Exception):
        pass

    def refuse():
        raise LostLease

    with scripted() as server, connection_to(server.port) as connection:
        with pytest.raises(LostLease):
            connection.hand_over(MAIL, to(), refuse)
        assert not connection.is_open
    assert server.verbs() == ["EHLO", "MAIL", "RCPT", "DATA"]
    assert server.mails == []


def test_a_local_part_that_is_not_ascii_is_refused_in_clear_words():
    with scripted() as server, pytest.raises(PermanentRefusal, match="before the @") as refusal:
        hand_over(server, recipient="ñ@daz.example")
    assert refusal.value.about is About.recipient
    assert "MAIL" not in server.verbs()


def test_a_local_part_that_is_not_ascii_goes_out_when_the_server_offers_smtputf8():
    with scripted(EHLO="250-scripted.test\r\n250 SMTPUTF8") as server:
        hand_over(server, recipient="ñ@daz.example")
    assert server.commands[1:3] == [
        "MAIL FROM:<marta@norte.example> SMTPUTF8 BODY=8BITMIME",
        "RCPT TO:<ñ@daz.example>",
    ]


@pytest.fixture
def trusting(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "ca.pem"))


def with_tls(name: str, how: str):
    options = ["--certificate", str(CERTIFICATES / f"{name}.pem")]
    return smtp(*options, *(["--implicit-tls"] if how == "MAIL_USE_SSL" else []))


@pytest.mark.parametrize("how", ["MAIL_USE_TLS", "MAIL_USE_SSL"])
def test_a_certificate_that_verifies_is_accepted(trusting, how):
    with with_tls("trusted", how) as box:
        with connection_to(box.port, **{how: True}, MAIL_TIMEOUT=5) as connection:
            connection.hand_over(MAIL, to(sender="marta@norte.example"))
        assert len(box.messages()) == 1


@pytest.mark.parametrize("name", ["misnamed", "expired"])
@pytest.mark.parametrize("how", ["MAIL_USE_TLS", "MAIL_USE_SSL"])
def test_an_invalid_certificate_is_refused(trusting, how, name):
    with (
        with_tls(name, how) as box,
        pytest.raises(Unreachable, match="certificate"),
        connection_to(box.port, **{how: True}, MAIL_TIMEOUT=5),
    ):
        pytest.fail("connected")


def test_a_certificate_of_an_unknown_authority_is_refused():
    with (
        with_tls("trusted", "MAIL_USE_SSL") as box,
        pytest.raises(Unreachable, match="certificate"),
        connection_to(box.port, MAIL_USE_SSL=True, MAIL_TIMEOUT=5),
    ):
        pytest.fail("connected")


@pytest.mark.parametrize("answer", [None, "454 not now", CLOSE])
def test_no_starttls_is_no_reason_to_send_in_the_clear(answer):
    offer = "250-scripted.test\r\n250 STARTTLS" if answer else "250 scripted.test"
    with scripted(EHLO=offer, STARTTLS=answer or "") as server, pytest.raises(Unreachable):
        hand_over(server, MAIL_USE_TLS=True)
    assert "MAIL" not in server.verbs()


LOGIN = {"MAIL_USERNAME": "norte", "MAIL_PASSWORD": "right"}


def test_a_good_login_is_used():
    with smtp("--login", "norte:right") as box:
        with connection_to(box.port, **LOGIN, MAIL_TIMEOUT=5) as connection:
            connection.hand_over(MAIL, to())
        assert len(box.messages()) == 1


@pytest.mark.parametrize("answer", ["535 wrong", "454 not now", *LOST])
def test_a_login_that_fails_means_unreachable(answer):
    offer = "250-scripted.test\r\n250 AUTH PLAIN"
    with scripted(EHLO=offer, AUTH=answer) as server, pytest.raises(Unreachable):
        hand_over(server, **LOGIN)


SPANISH_LOGIN = {"MAIL_USERNAME": "norte", "MAIL_PASSWORD": "sésamo"}


def test_a_password_that_is_not_ascii_is_said_in_utf_8():
    with scripted(EHLO="250-scripted.test\r\n250 AUTH LOGIN PLAIN") as server:
        hand_over(server, **SPANISH_LOGIN)
    [said] = [session for session in server.commands if session.startswith("AUTH")]
    assert b64decode(said.split()[2]) == "\0norte\0sésamo".encode()


@pytest.mark.parametrize("offer", ["250 AUTH LOGIN", "250 HELP"])
def test_a_server_that_takes_no_such_password_is_unreachable(offer):
    with (
        scripted(EHLO=f"250-scripted.test\r\n{offer}") as server,
        pytest.raises(Unreachable, match="AUTH PLAIN"),
    ):
        hand_over(server, **SPANISH_LOGIN)
    assert server.verbs() == ["EHLO"]


@pytest.mark.parametrize("answer", ["535 wrong", "454 not now", *LOST])
def test_such_a_login_that_fails_means_unreachable(answer):
    offer = "250-scripted.test\r\n250 AUTH PLAIN"
    with scripted(EHLO=offer, AUTH=answer) as server, pytest.raises(Unreachable):
        hand_over(server, **SPANISH_LOGIN)


def test_a_server_without_login_is_told_no_password():
    with scripted() as server, pytest.raises(Unreachable):
        hand_over(server, **LOGIN)
    assert server.verbs() == ["EHLO"]


def test_the_private_settings_of_flask_mail_have_all_that_a_connection_needs():
    found = flask_mail.Mail().init_mail({"MAIL_SERVER": "mail.norte.example"})

    assert isinstance(found, flask_mail._Mail)
    assert Server.__annotations__.keys() - vars(found).keys() == {"timeout"}


def test_flask_mails_own_interface_is_as_safe():
    with scripted() as server:
        app = SimpleNamespace(extensions={})
        state = Mail().init_mail({"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": server.port})
        app.extensions["mail"] = state
        with Connection(state) as connection:
            connection.send(a_message())
            with pytest.raises(TypeError):
                connection.send(flask_mail.Message("Hola", ["ruy@daz.example"], sender="a@b.c"))
    assert server.commands[1:3] == ["MAIL FROM:<marta@norte.example>", "RCPT TO:<ruy@daz.example>"]
    assert len(server.mails) == 1
