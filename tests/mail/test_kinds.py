"""One mail, one name: an enum member, a rule, a label, one file of text."""

import re
from pathlib import Path

import pytest

from service.current import read_token
from service.labels import LABELS
from service.mail import links
from service.mail.kinds import RULES
from service.mail.rendering import placeholders
from service.mail.rendering.context import LINK
from service.models import MailKind
from service.tokens import Purpose
from tests.builders import a_contact, a_departure, a_response, an_invitation

FOLDER = Path(__file__).parents[2] / "templates" / "email"


@pytest.mark.parametrize("kind", MailKind)
def test_every_kind_has_its_text_in_one_file(kind):
    assert [path.name for path in (FOLDER / kind).iterdir()] == ["body.md"]


def test_no_folder_is_of_a_kind_that_does_not_exist():
    assert {path.name for path in FOLDER.iterdir() if path.is_dir()} == set(MailKind)


def test_every_kind_has_its_rules_and_a_name_for_the_provider():
    assert set(RULES) == set(MailKind)
    assert set(MailKind) <= set(LABELS)


@pytest.mark.parametrize("kind", MailKind)
def test_a_mail_is_for_the_link_that_its_text_has(kind):
    source = (FOLDER / kind / "body.md").read_text()
    links = [one for one in placeholders.known(kind).values() if one.is_link]
    used = {one.value for one in links if re.search(rf"\b{one.name}\b", source)}
    used -= {"phone_url", "contact_url"}  # to call somebody, or to add their number
    assert used == {LINK[kind]} - {"view_url"} if kind in LINK else not used


def test_a_mail_to_the_team_is_transactional():
    assert all(rules.is_transactional for rules in RULES.values() if rules.to_team)


def test_links_say_who_by_a_token_of_their_own_purpose(app):
    contact = a_contact()
    invitation = an_invitation(departure=a_departure(contact=contact))
    response = a_response(invitation=invitation)
    made = {
        links.survey(invitation): ("/s/", Purpose.survey, invitation),
        links.answer(response): ("/r/", Purpose.answer, response),
        links.testimonial(invitation): ("/t/", Purpose.testimonial, invitation),
        links.preferences(contact): ("/p/", Purpose.preferences, contact),
        links.talk(contact): ("/d/", Purpose.talk, contact),
    }
    for link, (path, purpose, row) in made.items():
        assert link.startswith(f"http://localhost{path}")
        assert read_token(purpose, link.rpartition("/")[2]) == row.public_id


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/s/x", "GET"),
        ("/r/x", "GET"),
        ("/t/x", "GET"),
        ("/p/x", "GET"),
        ("/p/x/one-click", "POST"),
        ("/d/x", "GET"),
        ("/password/x", "GET"),
        ("/departures/x", "GET"),
        ("/conversations/x", "GET"),
        ("/calendar/x.ics", "GET"),
        ("/testimonials/x", "GET"),
        ("/mails", "GET"),
        ("/n/x", "GET"),
    ],
)
def test_every_link_in_a_mail_leads_to_a_page(app, path, method):
    adapter = app.url_map.bind("localhost")
    assert adapter.match(path, method=method)
