"""What mail programs lack of our CSS is only refinement: a mail is read and pressed without it.

`data/css_support.json` says which programs of Gmail, Outlook and Yahoo lack what.
"""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from service.mail.rendering.messages import decoded
from service.mail.rendering.rendering import render
from service.models import MailKind
from tests.builders import a_company
from tests.live import PHONE
from tests.mail.mails import a_mail

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

LACKING = json.loads((Path(__file__).parent / "data" / "css_support.json").read_text())["lacking"]
# Each with what a reader sees whose program does not have it.
REFINEMENTS = {
    "@media": "one column with narrow margins, in the light colours",
    "<style>": "the same: all other rules are written into the elements",
    "border-radius": "square corners",
    "display: none": "the preheader is one pixel high, in the colour of the ground",
    "height": "the logo's size is an attribute, too",
    "max-height": "the preheader is one pixel high",
    "opacity": "the preheader has the colour of the ground",
    "overflow": "the preheader is one pixel high",
    "overflow-wrap": "a word longer than the line sticks out",
    "prefers-color-scheme": "the light colours",
    "table-layout": "the scale's cells have their width as an attribute",
    "word-break": "a word longer than the line sticks out",
}
# Of the first CSS, or meant for one program alone: there is nothing to look up.
NOT_IN_THE_DATA = re.compile(r"color|mso-.*|-ms-.*|-webkit-.*")


class Declarations(HTMLParser):
    """Collects the names of the CSS properties that stand in elements."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        style = dict(attrs).get("style") or ""
        found = [each.partition(":") for each in style.split(";") if each.strip()]
        for name, _colon, value in found:
            is_none = (name.strip(), value.strip()) == ("display", "none")
            self.names.add("display: none" if is_none else name.strip())


def html_of(kind: MailKind, language: str = "es") -> str:
    return decoded(render(a_mail(kind, language)).html)


@on_sqlite
@pytest.mark.parametrize("kind", MailKind)
def test_what_a_program_lacks_is_known_to_be_a_refinement(session, kind):
    a_company(logo=None)
    html = html_of(kind)
    used = Declarations()
    used.feed(html)
    used.names |= {name for name in ("@media", "prefers-color-scheme", "<style>") if name in html}
    unknown = {name for name in used.names - set(LACKING) if not NOT_IN_THE_DATA.fullmatch(name)}
    assert unknown == set(), "look them up, and write them into css_support.json"
    lacking = {name for name in used.names if LACKING.get(name)}
    assert lacking <= set(REFINEMENTS)


def test_every_refinement_is_one_that_some_program_lacks():
    assert [name for name in REFINEMENTS if not LACKING[name]] == []


def stripped(html: str) -> str:
    """Return `html` as the poorest of the programs draws it."""
    gone = "|".join(name for name in REFINEMENTS if re.fullmatch("[a-z-]+", name))
    html = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(rf"(?<=[;\" ])(?:{gone}):[^;\"]*;?", "", html)


@on_sqlite
@pytest.mark.parametrize(
    "kind", [MailKind.survey_invitation, MailKind.alert_low_score, MailKind.testimonial_edit]
)
def test_without_refinements_everything_is_there_and_can_be_pressed(session, browser, kind):
    a_company()
    html = html_of(kind)
    page = browser(PHONE)
    seen = []
    for each in (html, stripped(html)):
        page.set_content(each)
        links = page.eval_on_selector_all(
            "a", "all => all.map(a => [a.href, a.innerText, a.getBoundingClientRect().height])"
        )
        seen.append([[href, words] for href, words, _height in links])
        pressed = page.eval_on_selector_all(
            "a.press, a.digit", "all => all.map(a => a.getBoundingClientRect().height)"
        )
        assert min(pressed) >= 44
    assert seen[0] == seen[1]
    assert seen[0]
