"""Words of strangers in mails: escaped, on their side of the header, and never too many."""

import re
from email import message_from_bytes
from email.header import decode_header, make_header

import pytest

from service.mail.rendering.context import Unwritable
from service.mail.rendering.lint import check
from service.mail.rendering.rendering import render
from service.mail.rendering.sanitize import clean, one_line, quoted, shortened
from service.models import MailKind
from tests.builders import a_client, a_company, a_contact, a_member
from tests.mail.mails import a_mail, html_of, in_octets, parsed, received, text_of

SCRIPTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "</td></table><iframe src=https://evil.example>",
    "<a href=https://evil.example>Pulsa aquí</a>",
    "<!--[if mso]><img src=https://evil.example/p.gif><![endif]-->",
    "</style><style>@import url(https://evil.example)</style>",
    "{{ 7777 * 9999 }}{% raw %}%(client)s \ue000survey_url\ue001",
]
LINE_ENDS = ["\r", "\n", "\r\n", "\u2028", "\u2029", "\x85", "\x0b"]


def tags_of(html: str) -> list[str]:
    return [re.sub(r'\s(style|href)="[^"]*"', "", tag) for tag in re.findall(r"<[^>]*>", html)]


@pytest.mark.parametrize("kind", [MailKind.alert_low_score, MailKind.alert_testimonial])
def test_what_a_client_writes_is_shown_and_never_obeyed(app, kind):
    a_company()
    harmless = html_of(received(mail_about(kind, "palabras")))
    for script in SCRIPTS:
        html = html_of(received(mail_about(kind, script)))
        assert tags_of(html) == tags_of(harmless), script
        assert "evil.example/p.gif" not in re.sub(r"&lt;.*?&gt;", "", html)
        assert "77762223" not in html


def mail_about(kind, words):
    contact = a_contact(
        name=words, phone=words[:60], client=a_client(name=f"{words} {id(object())}")
    )
    return a_mail(
        kind,
        "en",
        contact=contact,
        said=words,
        answer={"score": 3, "valued_most": words, "to_improve": words, "comment": words},
        testimonial={"quote": words, "display_name": words},
    )


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_a_name_cannot_write_a_header(app, end):
    forged = f"Ana{end}Bcc: todos@evil.example{end}{end}<p>hola"
    a_company(name=f"Norte{end}Bcc: x@evil.example")
    row = a_mail(
        MailKind.alert_door_open,
        contact=a_contact(name=forged, client=a_client(name=forged)),
        responsible=a_member(name=forged),
    )
    mail = received(row)
    assert mail["Bcc"] is None
    assert mail.keys() == received(a_mail(MailKind.alert_door_open)).keys()


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_an_address_that_could_write_a_header_is_refused(app, end):
    contact = a_contact(email=f"ana@daz.example{end}Bcc: x@evil.example")
    with pytest.raises(Unwritable, match="To contains the character"):
        render(a_mail(MailKind.thank_you, contact=contact))


@pytest.mark.parametrize("words", ["😭" * 10_000, "ñ " * 5_000, "x" * 10_000, "a\n" * 5_000])
@pytest.mark.parametrize("kind", [MailKind.alert_low_score, MailKind.testimonial_edit])
def test_ten_thousand_characters_fit_because_the_rest_is_on_the_page(app, kind, words):
    a_company(logo=b"\x89PNG" + b"\0" * 20_000, logo_type="image/png")
    answer = {"score": 2, "valued_most": words, "to_improve": words, "comment": words}
    octets = in_octets(
        render(a_mail(kind, answer=answer, testimonial={"edited_quote": words, "quote": words}))
    )
    check(octets, kind)
    assert "…" in text_of(parsed(octets))


def test_a_long_name_shortens_the_subject_but_nowhere_else(app):
    client = a_client(name="Cooperativa Agroalimentaria de la Ribera Alta del Ebro y Moncayo")
    mail = received(a_mail(MailKind.alert_low_score, contact=a_contact(client=client)))
    assert len(mail["Subject"]) < 50
    assert mail["Subject"].startswith("Algo ha fallado con Cooperativa Agroalimentaria")
    assert client.name in text_of(mail)


def test_letters_of_every_script_arrive_as_they_were(app):
    name = "Núria Ångström 王小明 👩‍👩‍👧 עברית"
    octets = in_octets(render(a_mail(MailKind.alert_door_open, contact=a_contact(name=name))))
    mail = parsed(octets)
    reply_to = decode_header(message_from_bytes(octets)["Reply-To"])
    assert name in str(make_header(reply_to))
    assert name in text_of(mail)
    assert name in html_of(mail)


def test_controls_are_taken_out_of_names_and_of_quotations():
    assert one_line("Ana\0\x1b[31m\x7f Díaz\r\nBcc: x") == "Ana[31m Díaz Bcc: x"
    assert clean("uno\r\ndos\u2028tres\x85\0") == "uno\ndos\ntres"


def test_marks_that_turn_the_direction_of_a_line_are_taken_out():
    assert one_line("fdp.\u202eexe") == "fdp.exe"
    assert clean("a\u2066b\u2069c\u200dd") == "abc\u200dd"


def test_a_quotation_is_cut_between_words_and_says_so():
    assert quoted("uno dos tres", 12) == "uno dos tres"
    assert quoted("uno dos tres", 11) == "uno dos…"
    assert quoted("ñ" * 20, 13) == "ñ" * 5 + "…"
    assert shortened("Bodegas Ruy Díaz", 9) == "Bodegas…"
