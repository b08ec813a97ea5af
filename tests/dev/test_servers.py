"""The servers that other tests stand on are real, empty at the start, and obey."""

import smtplib

import psycopg
import pytest
import redis

from tests.servers import Mailbox, Postgres


def send(box: Mailbox, to: str = "ana@example.com") -> None:
    with smtplib.SMTP(box.host, box.port, timeout=5) as client:
        client.sendmail("us@example.com", [to], "Subject: Adiós\r\n\r\nGracias\r\n".encode())


def test_the_mailbox_keeps_the_envelope_and_every_byte(mailbox):
    send(mailbox)

    (mail,) = mailbox.messages()
    assert (mail.mail_from, mail.rcpt_tos) == ("us@example.com", ["ana@example.com"])
    assert mail.raw == "Subject: Adiós\r\n\r\nGracias\r\n".encode()


def test_the_mailbox_is_empty_for_each_test(mailbox):
    assert mailbox.messages() == []


def test_the_mailbox_refuses_when_it_is_told_to_and_only_so_often(mailbox):
    mailbox.answer("RCPT", "450 4.2.1 later", to="ana", times=1)

    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(mailbox)
    send(mailbox)
    assert len(mailbox.messages()) == 1


def test_the_mailbox_drops_the_connection_when_it_is_told_to(mailbox):
    mailbox.answer("DATA", "close")

    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(mailbox)


def test_valkey_is_new_enough_for_a_safe_pop_and_empty(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        assert tuple(map(int, client.info()["redis_version"].split("."))) >= (6, 2, 0)
        assert client.dbsize() == 0


def test_postgres_makes_databases(postgres_server: Postgres):
    url = postgres_server.new_database("one_more")

    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("one_more",)
