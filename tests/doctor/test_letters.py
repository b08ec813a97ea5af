"""The unsubscribe headers of a mail, and how large it is."""

import pytest

from service.doctor import letters
from service.doctor.findings import Check, State
from service.mail.rendering import lint, rendering
from service.mail.rendering.wire import encoded
from tests.builders import a_company
from tests.doctor.cases import SENDER, a_letter, of


def found(letter, *, production=True):
    return list(letters.check(letter, SENDER, production=production))


def test_headers_after_rfc_8058_are_good():
    seen = found(a_letter())
    assert [each.state for each in seen] == [State.good, State.good]


def test_a_link_without_https_is_bad_in_production():
    letter = a_letter("http://localhost:8000")
    assert of(Check.unsubscribe, found(letter))[0][0] is State.bad
    assert of(Check.unsubscribe, found(letter, production=False))[0][0] is State.warning


@pytest.mark.parametrize("missing", ["List-Unsubscribe", "List-Unsubscribe-Post"])
def test_a_header_that_is_missing_is_bad(missing):
    headers = dict(a_letter().rendering.extra_headers)
    del headers[missing]
    ((state, words),) = of(Check.unsubscribe, found(a_letter(extra_headers=headers)))
    assert state is State.bad
    assert missing in words


def test_a_mail_that_gmail_would_cut_is_bad(monkeypatch):
    monkeypatch.setattr(lint, "MAX_OCTETS", 1_000_000)
    letter = a_letter(html=encoded("<p>Gracias.</p>\n" * 8000))
    ((state, words),) = of(Check.size, found(letter))
    assert state is State.bad
    assert "102" in words


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_letter_is_a_real_mail_of_the_company(app, language):
    a_company(language=language, sender_email="marta@norte.es")
    letter = letters.a_letter(rendering.company_facts(), "marta@sur.es")
    octets = letter.octets("<1@sur.es>", "bounces@sur.es", "x7")
    lint.check(octets, letters.KIND)
    assert b"<marta@sur.es>" in octets
    assert b"\r\nTo: bounces@sur.es\r\n" in octets
    assert b"Reply-To" not in octets
    assert of(Check.size, found(letter))[0][0] is State.good
