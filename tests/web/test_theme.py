"""The accent is the provider's choice; being able to read is not."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.colours import DARK, INK, LIGHT, PAPER, TEXT_CONTRAST, contrast, palette
from service.web.theme import accent_css, minified

TOKENS = (Path(__file__).parents[2] / "static" / "tokens.css").read_text()
colours = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@given(colours, st.booleans())
def test_text_on_any_accent_can_be_read(accent, dark):
    shades = palette(accent, dark=dark)
    assert contrast(shades.accent, shades.on_accent) >= TEXT_CONTRAST


@given(colours, st.booleans())
def test_links_can_be_read_on_every_ground(accent, dark):
    shades = palette(accent, dark=dark)
    for ground in (*(DARK if dark else LIGHT), shades.soft):
        assert contrast(shades.link, ground) >= TEXT_CONTRAST


@given(colours, st.booleans())
def test_text_on_what_is_chosen_can_be_read(accent, dark):
    shades = palette(accent, dark=dark)
    assert contrast(PAPER if dark else INK, shades.soft) >= TEXT_CONTRAST


def test_a_readable_accent_is_left_as_it_was_picked():
    assert palette("#0f6b5c").link == "#0f6b5c"


def test_what_is_no_colour_becomes_the_default_and_never_css():
    assert "javascript" not in accent_css("red;}body{background:url(javascript:1)")


def token(name: str, *, dark: bool) -> str:
    light_part, dark_part = TOKENS.split("@media", 1)
    found = re.search(rf"--{name}: (#[0-9a-f]{{3,6}});", dark_part if dark else light_part)
    assert found, f"static/tokens.css has no --{name}"
    digits = found[1]
    return digits if len(digits) == 7 else "#" + "".join(c * 2 for c in digits[1:])


@pytest.mark.parametrize("dark", [False, True])
def test_the_grounds_are_those_of_the_stylesheet(dark):
    named = tuple(token(name, dark=dark) for name in ("page", "surface", "sunken"))
    assert named == (DARK if dark else LIGHT)
    assert token("ink", dark=dark) == (PAPER if dark else INK)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["ink", "muted", "late", "good", "wait"])
def test_every_text_colour_can_be_read_on_every_ground(name, dark):
    for ground in DARK if dark else LIGHT:
        assert contrast(token(name, dark=dark), ground) >= TEXT_CONTRAST


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["late", "good", "wait"])
def test_coloured_notes_can_be_read(name, dark):
    for text in (name, "ink"):
        ground = token(f"{name}-soft", dark=dark)
        assert contrast(token(text, dark=dark), ground) >= TEXT_CONTRAST


@pytest.mark.parametrize("dark", [False, True])
def test_the_edge_of_an_input_can_be_seen(dark):
    for ground in DARK if dark else LIGHT:
        assert contrast(token("edge", dark=dark), ground) >= 3


def test_minifying_keeps_what_counts():
    assert minified("/* a */\na , b {\n  margin: 0 auto;\n}\n") == "a,b{margin:0 auto}"
