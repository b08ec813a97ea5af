"""Whatever comes in is read within bounds: no octets make the reader fail, or keep it busy."""

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from service.mail.inbound import incoming, replies
from service.mail.inbound.bounces import report_in
from tests.mail.coming_in import answer, arf, dsn

BOMBS = {
    "nested parts": b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(3000)
    ),
    "nested mails": b"Content-Type: message/rfc822\n\n" * 30_000,
    "a few nested parts with many lines": b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(39)
    )
    + b"-\n" * 500_000,
    "many parts": b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nx\n" * 100_000,
    "ten megabytes": b"Subject: x\n\n" + b"a" * 10_000_000,
    "ten megabytes of headers": b"X: y\n" * 2_000_000,
    "one long header": b"Subject: " + b"=?utf-8?q?" * 100_000 + b"\n\nx",
    "thousands of recipients": b"To: " + b"a@b.example, " * 50_000 + b"\n\nx",
    "a charset that is none": b"Content-Type: text/plain; charset=zip\n\n\xff\xfe",
    "a charset that is slow": b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * 300_000,
    "broken transfer encoding": b"Content-Transfer-Encoding: base64\n\n=" + b"!=" * 1000,
    "uuencoded": b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n#\xff\xff\nend",
    "NULs": b"Subject: a\0b\nFrom: \0@\0\n\n\0\0\0",
    "no head": b"\n\n\n",
    "nothing": b"",
    "unclosed html": b"Content-Type: text/html\n\n" + b"<a <!-- <![CDATA[ " * 5000,
    "surrogates": b"From: \xed\xa0\x80@x\nSubject: \xed\xa0\x80\n\n\xed\xa0\x80",
    "endless quotes": b"Subject: Re: x\n\n" + b"On " + b"a " * 100_000 + b"\n" * 1000,
    "a status of a megabyte": b"Content-Type: message/delivery-status\n\n"
    + b"Status: 5.1.1 " * 70_000,
}


def everything_of(octets: bytes) -> list[str]:
    """All that the service reads of a mail."""
    mail = incoming.read(octets)
    found = report_in(mail)
    written = replies.excerpt(mail)
    replies.is_automatic(mail)
    replies.wants_out(mail, written)
    texts = [mail.sender, mail.subject, written, mail.text(), *mail.addressed_to(), mail.digest]
    return [*texts, *([found.status, found.words, *found.recipients] if found else [])]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_read_within_bounds(bomb):
    texts = everything_of(BOMBS[bomb])

    assert all(len(text) <= 70_000 for text in texts)
    assert all("\0" not in text for text in texts[:4])
    for text in texts:
        text.encode()


@settings(max_examples=300, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.one_of(
        st.binary(max_size=2000),
        st.builds(
            lambda mail, cut, noise: mail[:cut] + noise + mail[cut:],
            st.sampled_from([dsn(), arf(), answer(), *list(BOMBS.values())[12:16]]),
            st.integers(0, 1500),
            st.binary(max_size=200),
        ),
    )
)
@example(b"From: Ruy =?utf\xff-8?q?D?= <nadie@daz.example>\n\nhola")
def test_no_octets_make_it_fail(octets):
    for text in everything_of(octets):
        text.encode()


def test_the_same_mail_by_two_ways_is_one():
    mail = dsn()
    by_pipe = b"From x@y Tue Nov 24\n" + mail.replace(b"\r\n", b"\n")
    by_imap = (
        b"Return-Path: <>\r\nDelivered-To: rebotes@norte.example\r\nReceived: from mx\r\n"
        b"\tby us; Tue\r\n" + mail.removeprefix(b"Return-Path: <>\r\n")
    )
    digests = {incoming.read(octets).digest for octets in (mail, by_pipe, by_imap)}
    assert len(digests) == 1
    assert incoming.read(mail.replace(b"5.1.1", b"5.1.2")).digest not in digests


def test_words_in_old_charsets_are_read():
    mail = b"Subject: =?iso-8859-1?q?Respuesta_autom=E1tica?=\nContent-Type: text/plain; "
    read = incoming.read(mail + b"charset=windows-1252\n\nAdi\xf3s \x80")
    assert read.subject == "Respuesta automática"
    assert read.text() == "Adiós €"
