"""The final lint: a good mail passes, and each fault is named."""

from types import SimpleNamespace

import pytest

from service.mail.rendering import compiled, lint
from service.mail.rendering.rendering import render
from service.models import MailKind
from tests.mail.mails import a_mail
from tests.mail.test_messages import a_message

GOOD = {
    "List-Unsubscribe": "<https://adios.example/p/x/one-click>, <mailto:a@b.example?subject=baja>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "Auto-Submitted": "auto-generated",
}
THREADED = {"In-Reply-To": "<a@b.example>", "References": "<a@b.example>"}
TEXT = "Hola, Ruy: gracias por estos años de trabajo."


def octets(**more) -> bytes:
    values = {"text": TEXT, "html": f"<p>{TEXT}</p>", "extra_headers": GOOD, **more}
    return a_message(**values).as_bytes()


def faults(mail: bytes, kind: MailKind = MailKind.survey_invitation) -> list[str]:
    with pytest.raises(lint.Unfit) as unfit:
        lint.check(mail, kind)
    return unfit.value.faults


def test_a_good_mail_passes():
    lint.check(octets(), MailKind.survey_invitation)
    lint.check(octets(extra_headers=GOOD | THREADED), MailKind.survey_reminder_1)


def body_faults(text: str, html: str) -> list[str]:
    with pytest.raises(lint.Unfit) as unfit:
        lint.check_bodies(text, html)
    return unfit.value.faults


def test_clients_words_about_markup_are_no_fault():
    words = "&lt;img src=&quot;http://x.example&quot;&gt; url(http://x) @import {{ a }} %(b)s {% c"
    lint.check_bodies(words, f"<p>{words}</p>")


@pytest.mark.parametrize("name", lint.ONCE)
def test_a_header_that_is_missing_is_named(name):
    lines = octets().split(b"\r\n")
    without = [line for line in lines if not line.lower().startswith(name.lower().encode() + b":")]
    assert f"no {name}" in faults(b"\r\n".join(without))


@pytest.mark.parametrize("name", ["From", "To", "Subject", "Message-ID", "Date"])
def test_a_header_that_is_doubled_is_named(name):
    assert f"2 {name}" in faults(f"{name}: <x@y.example>\r\n".encode() + octets())


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("List-Unsubscribe", "=?utf-8?q?=3Chttps=3A//adios?="),
        ("List-Unsubscribe", "<https://adios.example/p>"),
        ("List-Unsubscribe-Post", "yes"),
    ],
)
def test_an_opt_out_that_programs_cannot_read_is_a_fault(header, value):
    assert any(header in fault for fault in faults(octets(extra_headers=GOOD | {header: value})))


def test_a_transactional_mail_needs_no_opt_out():
    lint.check(octets(extra_headers={"Auto-Submitted": "auto-generated"}), MailKind.thank_you)


def test_a_reminder_needs_the_mail_it_reminds_of():
    assert faults(octets(), MailKind.survey_reminder_1) == ["no In-Reply-To", "no References"]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda mail: mail.replace(b"\r\n", b"\n"), "CRLF"),
        (lambda mail: mail + b"x" * 999 + b"\r\n", "999 octets"),
        (lambda mail: mail + b"x" * 70 + (b"\r\n" + b"y" * 70) * 900, "61440 is the most"),
        (lambda mail: mail + b"\0", "NUL"),
        (lambda mail: mail + "ñ".encode(), "127"),
        (lambda mail: b"Bcc: a@b.example\r\n" + mail, "Bcc"),
        (lambda mail: mail.replace(b"To: ", b"To: a@b.example, "), "more than one address"),
        (lambda mail: mail.replace(b"<abc@", b"<abc "), "Message-ID"),
        (lambda mail: mail.replace(b"text/plain", b"text/x"), "0 text/plain"),
        (lambda mail: mail.replace(b"text/html", b"text/x"), "0 text/html"),
    ],
)
def test_octets_that_servers_stumble_over_are_faults(broken, fault):
    assert any(fault in found for found in faults(broken(octets())))


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://x.example/pixel.gif">',
        "<img alt='' src='//x.example/a'>",
        '<link rel="stylesheet" href="https://x.example/a.css">',
        "<script>alert(1)</script>",
        '<td background="http://x.example/a.png">',
        "<p style=\"background:url('https://x.example/a')\">",
        "<style>@import 'https://x.example/a.css'</style>",
        "<style>a{}\n@font-face{src:url(https://x.example/f.woff)}</style>",
    ],
)
def test_what_another_host_would_have_to_send_is_a_fault(html):
    found = body_faults(TEXT, f"<p>{TEXT}</p>{html}")
    assert any("another host" in fault for fault in found)


def test_an_empty_part_or_a_gap_that_nobody_filled_is_a_fault():
    assert body_faults(" ", f"<p>{TEXT}</p>") == ["an empty text/plain part"]
    assert body_faults(TEXT, f"<p>{TEXT} \ue000name\ue001</p>") == [
        "a gap that nobody filled in text/html"
    ]


def test_a_compiled_template_with_a_fault_is_never_filled(app, monkeypatch):
    monkeypatch.setattr(
        compiled, "_INLINER", SimpleNamespace(inline=lambda html: html + "<script>")
    )
    compiled.compile_template.cache_clear()
    with pytest.raises(lint.Unfit, match="another host"):
        render(a_mail(MailKind.thank_you))
