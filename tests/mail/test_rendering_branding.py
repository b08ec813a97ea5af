"""The branding of mails: the values of the pages, readable whatever accent the provider picks."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.colours import contrast
from service.mail.rendering.branding import branding_of
from service.models import Company, MailKind
from tests.builders import a_company
from tests.mail.mails import a_mail, html_of, received

TOKENS = (Path(__file__).parents[2] / "static" / "tokens.css").read_text()
PAIRS = [
    ("ink", "paper"),
    ("quiet", "paper"),
    ("quiet", "ground"),
    ("ink", "cell"),
    ("accent_text", "paper"),
    ("on_accent", "accent"),
    ("dark_ink", "dark_paper"),
    ("dark_quiet", "dark_paper"),
    ("dark_quiet", "dark_ground"),
    ("dark_ink", "dark_cell"),
    ("dark_accent", "dark_paper"),
]


def branding(accent="#0f6b5c"):
    return branding_of(Company(name="N", accent=accent, signature="", postal_address=""))


@given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
def test_every_text_can_be_read_in_light_and_in_dark(accent):
    shades = branding(accent)
    for text, ground in PAIRS:
        assert contrast(getattr(shades, text), getattr(shades, ground)) >= 4.5, (text, ground)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("ground", "page"),
        ("paper", "surface"),
        ("cell", "sunken"),
        ("line", "line"),
        ("ink", "ink"),
        ("quiet", "muted"),
    ],
)
def test_mails_take_the_neutrals_of_the_pages(ours, theirs):
    light, dark = re.findall(rf"--{theirs}: (#\w+);", TOKENS)
    assert getattr(branding(), ours) in {light, light + light[1:]}
    assert getattr(branding(), f"dark_{ours}") == dark


def test_the_accent_reaches_the_name_and_the_button(app):
    a_company(accent="#7a1f5c")
    html = html_of(received(a_mail(MailKind.testimonial_request)))
    assert re.search(r'class="name accent" style="[^"]*color: #7a1f5c', html)
    assert re.search(r'class="button"[^>]*bgcolor="#7a1f5c"', html)


def test_a_change_of_the_settings_shows_in_the_next_mail(app):
    company = a_company(name="Norte")
    row = a_mail(MailKind.thank_you)
    assert "Norte" in html_of(received(row))
    company.name = "Sur"
    assert "Norte" not in html_of(received(row)).replace("norte.example", "")
