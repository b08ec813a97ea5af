"""The bytes of a mail: no header can be injected, encoded where programs read it, or doubled."""

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest

from service.mail.delivery.flask_mail import Message
from service.mail.rendering.headers import BadAddress, BadHeader, wire_address

LONG_LINK = "<https://adios.norte.example/p/" + "x" * 180 + "/one-click>"
UNSUBSCRIBE = f"{LONG_LINK}, <mailto:baja@norte.example?subject=baja>"


def a_message(**more):
    values = {
        "sender": ("Marta Ruiz", "marta@norte.example"),
        "to": ("Ruy Díaz", "ruy@daz.example"),
        "subject": "Gracias por estos años",
        "text": "Hola, Ruy:\n\nGracias.",
        "html": "<p>Hola, Ruy:</p><p>Gracias.</p>",
        "message_id": "<abc@norte.example>",
    }
    return Message(**{**values, **more})


def parsed(message: Message) -> EmailMessage:
    return message_from_bytes(message.as_bytes(), policy=policy.default)


def raw_header(message: Message, name: str) -> bytes:
    head = message.as_bytes().split(b"\r\n\r\n")[0]
    lines = head.replace(b"\r\n ", b"\x00 ").split(b"\r\n")
    (found,) = [line for line in lines if line.lower().startswith(name.lower().encode() + b":")]
    return found


def test_a_mail_has_a_text_and_an_html_part_that_come_back_as_written():
    mail = parsed(a_message())
    assert mail.get_content_type() == "multipart/alternative"
    assert mail.get_body(("plain",)).get_content().splitlines() == [
        "Hola, Ruy:",
        "",
        "Gracias.",
    ]
    assert mail.get_body(("html",)).get_content().strip() == "<p>Hola, Ruy:</p><p>Gracias.</p>"
    assert mail["Subject"] == "Gracias por estos años"
    assert not mail.defects


@pytest.mark.parametrize("name", ["List-Unsubscribe", "List-Unsubscribe-Post", "X-Long"])
def test_a_header_that_programs_read_is_neither_encoded_nor_folded(name):
    line = raw_header(a_message(extra_headers={name: UNSUBSCRIBE}), name)
    assert line == f"{name}: {UNSUBSCRIBE}".encode()


def test_references_are_never_encoded_and_break_only_between_ids():
    ids = [f"<{'y' * 90}{number}@norte.example>" for number in range(3)]
    headers = {"In-Reply-To": ids[2], "References": " ".join(ids)}
    message = a_message(extra_headers=headers)
    assert b"=?" not in raw_header(message, "References")
    assert b"=?" not in raw_header(message, "In-Reply-To")
    assert parsed(message)["References"].split() == ids


def test_a_machine_header_that_is_not_ascii_is_refused():
    with pytest.raises(BadHeader, match="List-Id"):
        a_message(extra_headers={"List-Id": "<adiós.example>"}).as_bytes()


def test_a_machine_header_longer_than_a_line_may_be_is_refused():
    with pytest.raises(BadHeader, match="998"):
        a_message(extra_headers={"List-Unsubscribe": "<https://" + "x" * 1000 + ">"}).as_bytes()


@pytest.mark.parametrize("evil", ["\r\nBcc: x@evil.example", "\n", "\r", "\0", "\u2028", "\u2029"])
@pytest.mark.parametrize(
    "field",
    [
        lambda evil: {"subject": f"Hola{evil}"},
        lambda evil: {"sender": (f"Marta{evil}", "marta@norte.example")},
        lambda evil: {"sender": ("Marta", f"marta@norte.example{evil}")},
        lambda evil: {"to": (f"Ruy{evil}", "ruy@daz.example")},
        lambda evil: {"to": ("Ruy", f"ruy{evil}@daz.example")},
        lambda evil: {"reply_to": (f"Marta{evil}", "marta@norte.example")},
        lambda evil: {"message_id": f"<abc{evil}@norte.example>"},
        lambda evil: {"extra_headers": {"List-Id": f"<a>{evil}"}},
        lambda evil: {"extra_headers": {f"X-A{evil}": "a"}},
    ],
    ids=["subject", "from", "from-address", "to", "to-address", "reply-to", "id", "extra", "name"],
)
def test_no_character_that_could_end_a_line_gets_into_a_header(field, evil):
    message = a_message(**field(evil))
    assert message.has_bad_headers()
    with pytest.raises(BadHeader):
        message.as_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "Ruiz, Marta",
        'Marta "la jefa" Ruiz',
        "Núñez, Íñigo (SEO)",
        "Marta\\Ruiz <jefa>",
        "=?utf-8?q?not_encoded?=",
        "Ana 🌷 Ñandú",
        "مارتا",
        "M\u202erevo",
        "zero\u200bwidth",
        "Ñ" * 5000,
        "A" * 5000,
    ],
)
def test_an_odd_display_name_comes_back_whole(name):
    message = a_message(sender=(name, "marta@norte.example"), to=(name, "ruy@daz.example"))
    for field, address in (("From", "marta@norte.example"), ("To", "ruy@daz.example")):
        value = raw_header(message, field).decode("ascii").partition(": ")[2].replace("\0", "")
        words, found = parseaddr(value)
        assert (str(make_header(decode_header(words))), found) == (name, address)
    assert len(parsed(message)["From"].addresses) == 1


def test_a_stored_message_id_appears_once():
    assert parsed(a_message()).get_all("Message-ID") == ["<abc@norte.example>"]


@pytest.mark.parametrize("name", ["Message-ID", "from", "Subject", "Content-Type", "Bad Name", ""])
def test_an_extra_header_cannot_double_or_replace_one_of_ours(name):
    with pytest.raises(BadHeader):
        a_message(extra_headers={name: "x"}).as_bytes()


def test_bodies_are_seven_bit_with_short_lines_whatever_is_in_them():
    message = a_message(text="ñ" * 3000 + "\n.\n..dots", html="<p>" + "á" * 5000 + "</p>")
    raw = message.as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert parsed(message).get_body(("plain",)).get_content().splitlines()[1:] == [
        ".",
        "..dots",
    ]


def test_a_domain_that_is_not_ascii_is_written_in_punycode():
    assert wire_address("ruy@bodegasdíaz.example") == "ruy@xn--bodegasdaz-r8a.example"


@pytest.mark.parametrize("address", ["", "ruy", "@daz.example", "ruy@", "a b@daz.example", "a@b@c"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(BadAddress):
        wire_address(address)
