"""Every kind of mail, in every language: what any mail program is promised."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from service.mail.kinds import RULES
from service.models import MailKind
from tests.mail.mails import ALL, a_reminder, html_of, parsed, received, text_of

OUR_ADDRESSES = ("http://localhost/",)


class Tags(HTMLParser):
    """Collects what an HTML part links to and asks for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.asked_for: list[str] = []
        self.names: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        for name, value in attrs:
            if name == "href":
                self.links.append(value)
            if name in {"src", "background", "srcset", "poster", "data"}:
                self.asked_for.append(value)


@pytest.fixture(params=ALL, ids="-".join)
def mail(request, every_mail):
    """One mail after the other, as it goes out."""
    return every_mail[request.param]


def test_a_mail_has_a_text_and_an_html_part(mail):
    read = parsed(mail)
    assert next(part.get_content_type() for part in read.iter_parts()) == "text/plain"
    assert len(text_of(read)) > 100
    assert html_of(read).startswith("<!DOCTYPE html>")
    assert not read.defects


def test_a_mail_stays_under_60_kb_with_its_logo(mail):
    assert len(mail) < 60 * 1024


def test_no_line_is_longer_than_998_octets_and_every_one_ends_in_crlf(mail):
    lines = mail.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert mail.isascii()


def test_a_mail_asks_no_server_for_anything(mail):
    html = html_of(parsed(mail))
    tags = Tags(html)
    assert all(address.startswith("cid:") for address in tags.asked_for)
    assert not tags.names & {"script", "link", "iframe", "object", "form", "input"}
    assert not re.search(r"url\(|@import|@font-face", html)


def test_links_lead_only_to_base_url(mail):
    read = parsed(mail)
    in_text = re.findall(r"https?://\S+", text_of(read))
    links = [*Tags(html_of(read)).links, *in_text]
    assert links or read["Subject"] in {"Gracias por todo", "Thank you for everything"}
    assert all(link.startswith(OUR_ADDRESSES) for link in links)
    assert all(urlsplit(link).path.count("//") == 0 for link in links)


def test_a_mail_has_at_most_one_button(mail):
    assert html_of(parsed(mail)).count('class="press"') <= 1


def test_the_subject_is_short_and_on_one_line(mail):
    subject = parsed(mail)["Subject"]
    assert 0 < len(subject) < 50
    assert "\n" not in subject


def test_the_first_words_of_a_mailbox_are_not_the_subject_again(mail):
    read = parsed(mail)
    preheader = re.search(r'class="preheader"[^>]*>([^<͏]*)', html_of(read))[1].strip()
    assert 10 < len(preheader) < 90
    assert preheader != read["Subject"]


def test_a_mail_says_who_sends_it_and_from_where(mail):
    for said in (text_of(parsed(mail)), html_of(parsed(mail))):
        assert "Estudio Norte" in said
        assert "Calle de la Ribera 14" in said
        assert "Recibes este correo" in said or "You get this mail" in said


def test_nothing_is_left_of_the_templates(mail):
    read = parsed(mail)
    for said in (read["Subject"], text_of(read), html_of(read)):
        assert not re.search(r"\{\{|\}\}|\{%|%\(\w+\)s|None|Undefined|[\ue000\ue001]", said)
    assert "\n\n\n" not in text_of(read)
    assert "<" not in text_of(read)


def test_the_html_part_survives_dark_mode_and_outlook(mail):
    html = html_of(parsed(mail))
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "<!--[if mso]>" in html
    assert not re.search(r"display:\s*(flex|grid)|position:", html)


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_only_mails_that_nobody_asked_for_carry_the_way_out_in_the_header(
    every_mail, kind, language
):
    mail = parsed(every_mail[kind, language])
    if RULES[kind].is_transactional:
        assert mail["List-Unsubscribe"] is None
        assert mail["List-Unsubscribe-Post"] is None
        return
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    by_post, by_mail = re.fullmatch(r"<([^>]+)>, <([^>]+)>", mail["List-Unsubscribe"]).groups()
    assert re.fullmatch(r"http://localhost/p/[\w.-]+/one-click(\?purpose=\w+)?", by_post)
    assert by_mail == "mailto:hasta-luego@localhost?subject=unsubscribe"


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_every_mail_to_a_contact_offers_the_choice_of_mails(every_mail, kind, language):
    mail = parsed(every_mail[kind, language])
    parts = (text_of(mail), html_of(mail))
    offers = [bool(re.search(r"http://localhost/p/[\w.-]+", part)) for part in parts]
    assert offers == [not RULES[kind].to_team] * 2


@pytest.mark.parametrize("kind", [kind for kind in MailKind if RULES[kind].is_reminder])
def test_a_reminder_stands_under_the_mail_that_it_reminds_of(app, kind):
    mail = received(a_reminder(kind))
    assert mail["In-Reply-To"] == "<the.invitation@norte.example>"
    assert mail["References"] == "<the.invitation@norte.example>"


def test_a_mail_says_that_a_machine_sent_it_to_one_person(mail):
    read = parsed(mail)
    assert read["Auto-Submitted"] == "auto-generated"
    assert len(read["To"].addresses) == 1
    assert read["Cc"] is None
    assert read["Message-ID"].endswith("@norte.example>")
