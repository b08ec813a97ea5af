"""Links that are counted: which ones they are, and how a mail leads over them."""

import re

import pytest

from service.mail.rendering import markdown
from service.mail.rendering.custom_texts import Text, with_pictures
from service.models import MailKind

KIND = MailKind.newsletter
SHOP = "https://shop.example/new?a=1&b=2"


def found(body: str) -> list[str]:
    return markdown.addresses(with_pictures("x", body), KIND)


def written(body: str, **counted: str) -> markdown.Part:
    text = Text("x", body, counted=tuple(counted.items()))
    return next(part for part in markdown.parts(text, KIND) if part.what == "prose")


@pytest.fixture(autouse=True)
def _app(app):
    """The address of the service is a setting."""


pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def test_each_address_is_found_once_in_the_order_of_the_text():
    body = (
        f"See [the shop]({SHOP}) and\n\n- [ours][1]\n- [the shop again]({SHOP})\n\n"
        "> [quoted](HTTP://Old.example/)\n\n## [Heading](https://head.example)\n\n"
        "[1]: https://ours.example/ñ"
    )
    assert found(body) == [
        SHOP,
        "https://ours.example/%C3%B1",
        "HTTP://Old.example/",
        "https://head.example",
    ]


@pytest.mark.parametrize(
    "body",
    [
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x) [y](ftp://other.example/x) [z](//other.example/)",
        "[write to us](mailto:ana@norte.example)",
        "[choose]({{ preferences_link }})\n\n{{ preferences_link }}",
        "[the archive](http://localhost/news) [home](http://localhost) [q](HTTP://LOCALHOST?x)",
        "[a picture](/media/newsletters/aaaaaaaaaaaaaaaaaaaaaa)",
        f"<{SHOP}>",
        f"[{SHOP}]({SHOP}) [www.shop.example]({SHOP})",
        f"`[code]({SHOP})` <a href='{SHOP}'>html</a> {SHOP}",
        "nothing at all",
    ],
)
def test_what_is_no_foreign_page_behind_words_is_not_counted(body):
    assert found(body) == []


def test_another_host_that_begins_like_ours_is_another_host():
    assert found("[x](http://localhost.evil.example/)") == ["http://localhost.evil.example/"]


def test_a_picture_can_be_the_link():
    picture = "/media/newsletters/aaaaaaaaaaaaaaaaaaaaaa"
    assert found(f"[![a shop]({picture})]({SHOP})") == [SHOP]


def test_html_leads_over_us_and_text_shows_where_it_leads():
    over = "http://localhost/n/issue/1"
    part = written(f"See [the shop]({SHOP}) and <{SHOP}>.", **{SHOP: over})
    plain = SHOP.replace("&", "&amp;")
    assert re.findall('href="([^"]*)"', part.html) == [over, plain]
    assert part.text == f"See the shop ({SHOP}) and {SHOP}."


def test_closing_words_above_a_signature_lead_over_us_too():
    text = Text("x", f"Hola.\n\n[Bye]({SHOP})\n{{{{ signature }}}}", counted=((SHOP, "http://o/"),))
    *_, signature = markdown.parts(text, KIND)
    assert signature.what == "signature"
    assert 'href="http://o/"' in signature.html
    assert SHOP in signature.text


def test_nothing_is_rewritten_when_nothing_is_counted():
    part = written(f"See [the shop]({SHOP}).")
    assert SHOP.replace("&", "&amp;") in part.html
