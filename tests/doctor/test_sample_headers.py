"""The unsubscribe headers of a mail, and how large it is."""

from dataclasses import replace

import pytest

from service.doctor import cases, sample_mail
from service.doctor.findings import Check, State
from service.mail.rendering import lint, rendering
from service.mail.rendering.messages import encoded
from tests.builders import a_company
from tests.doctor.cases import a_case, a_sample_mail, of


def found(mail, *, environment="production"):
    case = replace(a_case(ENVIRONMENT=environment), sample=mail)
    return list(sample_mail.check_headers(case))


def test_headers_after_rfc_8058_are_good():
    seen = found(a_sample_mail())
    assert [each.state for each in seen] == [State.good, State.good]


def test_a_link_without_https_is_bad_in_production():
    mail = a_sample_mail("http://localhost:8000")
    assert of(Check.unsubscribe, found(mail))[0][0] is State.bad
    assert of(Check.unsubscribe, found(mail, environment="development"))[0][0] is State.warning


@pytest.mark.parametrize("missing", ["List-Unsubscribe", "List-Unsubscribe-Post"])
def test_a_header_that_is_missing_is_bad(missing):
    headers = dict(a_sample_mail().rendering.extra_headers)
    del headers[missing]
    ((state, words),) = of(Check.unsubscribe, found(a_sample_mail(extra_headers=headers)))
    assert state is State.bad
    assert missing in words


def test_a_mail_that_gmail_would_cut_is_bad(monkeypatch):
    monkeypatch.setattr(lint, "MAX_OCTETS", 1_000_000)
    mail = a_sample_mail(html=encoded("<p>Gracias.</p>\n" * 8000))
    ((state, words),) = of(Check.size, found(mail))
    assert state is State.bad
    assert "102" in words


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_sample_is_a_real_mail_of_the_company(app, language):
    a_company(language=language, sender_email="marta@norte.es")
    mail = cases.a_sample_mail(rendering.company_facts(), "marta@sur.es")
    octets = mail.octets("<1@sur.es>", "bounces@sur.es", "x7")
    lint.check(octets, cases.KIND)
    assert b"<marta@sur.es>" in octets
    assert b"\r\nTo: bounces@sur.es\r\n" in octets
    assert b"Reply-To" not in octets
    assert of(Check.size, found(mail))[0][0] is State.good
