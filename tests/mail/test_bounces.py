"""What servers report is read as what it is, whatever the server."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from rq.timeouts import JobTimeoutException

from service.mail.inbound import bounces, incoming
from service.mail.inbound.bounces import kind_of, report_in
from service.models import InboundKind
from tests.mail import coming_in


@dataclass
class Row:
    """As much of an outbox row as a bounce shows."""

    message_id: str = "<abcdefghijklmnopqrstuv@norte.example>"
    contact: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(email="ruy@daz.example")
    )


def report(octets: bytes):
    return report_in(incoming.read(octets))


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        ("5.1.1", "550 5.1.1 User unknown", InboundKind.hard_bounce),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", InboundKind.hard_bounce),
        ("5.4.4", "Host or domain name not found", InboundKind.hard_bounce),
        ("5.0.0", "550 no such user", InboundKind.hard_bounce),
        ("5.3.0", "553 5.3.0 Addressee unknown", InboundKind.hard_bounce),
        ("5.2.2", "552 5.2.2 over quota", InboundKind.soft_bounce),
        ("5.0.0", "552-5.2.2 The email account is over quota", InboundKind.soft_bounce),
        ("5.0.0", "550 mailbox is full", InboundKind.soft_bounce),
        ("5.7.1", "554 5.7.1 blocked by a list", InboundKind.soft_bounce),
        ("4.4.7", "message expired", InboundKind.soft_bounce),
        ("", "451 try later", InboundKind.soft_bounce),
        ("", "", InboundKind.hard_bounce),
    ],
)
def test_only_what_says_that_the_address_is_dead_is_hard(status, words, kind):
    assert kind_of(status, words) is kind


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("failed", InboundKind.hard_bounce),
        ("Failed (bad address)", InboundKind.hard_bounce),
        ("delayed", InboundKind.delayed),
        ("relayed", InboundKind.delayed),
        ("delivered", InboundKind.delivered),
    ],
)
def test_a_delivery_status_is_read_by_its_action(action, kind):
    assert report(coming_in.dsn(action=action)).kind is kind


def test_a_delivery_status_tells_the_code_the_words_and_where_it_had_gone():
    found = report(coming_in.dsn(Row(), recipient="otra@daz.example"))

    assert (found.status, found.words) == ("5.1.1", "550 5.1.1 User unknown")
    assert found.recipients == {"otra@daz.example"}
    assert found.returned_to == {"ruy@daz.example"}
    assert found.is_certain


def test_of_several_recipients_the_worst_counts():
    two = coming_in.dsn(action="delivered").replace(
        b"Final-Recipient",
        b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        b"Final-Recipient",
        1,
    )
    assert report(two).kind is InboundKind.hard_bounce


@pytest.mark.parametrize("server", coming_in.PROSE)
def test_a_bounce_in_a_servers_own_words_is_recognised(server):
    found = report(coming_in.prose(server, Row()))

    assert found.kind is InboundKind.hard_bounce
    assert found.recipients == {"ruy@daz.example"}
    assert found.is_certain


def test_the_end_of_a_jobs_time_is_not_taken_for_a_mail_that_nobody_knows(monkeypatch):
    def too_late(_message):
        raise JobTimeoutException

    monkeypatch.setattr(bounces, "all_failures", too_late)
    with pytest.raises(JobTimeoutException):
        report(coming_in.prose(next(iter(coming_in.PROSE)), Row()))


@pytest.mark.parametrize("feedback", ["abuse", "fraud", "Abuse", "opt-out"])
def test_a_feedback_report_is_a_complaint(feedback):
    assert report(coming_in.arf(feedback=feedback)).kind is InboundKind.complaint


@pytest.mark.parametrize("feedback", ["not-spam", "auth-failure", "dmarc", ""])
def test_a_feedback_report_of_another_kind_is_none(feedback):
    assert report(coming_in.arf(feedback=feedback)).kind is InboundKind.unparsed


@pytest.mark.parametrize(
    "text", ["Hola, hablamos.", "El 550 es un autobús.", "", "Our offer: 50 % off!"]
)
def test_what_people_write_is_no_report(text):
    assert report(coming_in.answer(text=text)) is None
