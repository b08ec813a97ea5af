"""Why we may write to somebody: read on a page, written down when it was said elsewhere."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from service import current
from service.clock import now, today
from service.extensions import db
from service.mail.policy import suppressions
from service.models import Consent, Role, SuppressionReason, SuppressionScope
from service.tokens import Purpose
from tests import builders
from tests.pages import send

WORDS = "¿Te escribo de vez en cuando? — Sí, claro."
SAID = {"purpose": "greetings", "said": "yes", "channel": "phone", "wording": WORDS}


@pytest.fixture
def page(client, session):
    """A browser in which a member of the team is logged in."""
    builders.a_company(language="en")
    return builders.logged_in(client, builders.a_member(role=Role.member, language="en"))


@pytest.fixture
def ana(page):
    """A former client of three years ago who has said nothing since."""
    ana = builders.a_contact(
        name="Ana", left_on=today("Europe/Madrid") - timedelta(days=3 * 366), source="import: a.csv"
    )
    db.session.commit()
    return ana


def address(contact):
    return f"/clients/contacts/{contact.public_id}/consents"


def told(page, contact, **more):
    values = {"given_on": today("Europe/Madrid").isoformat(), **SAID, **more}
    answer = send(page, address(contact), values)
    db.session.expire_all()
    return answer


def consents():
    return db.session.scalars(select(Consent).order_by(Consent.id)).all()


def test_the_page_says_for_each_purpose_whether_and_why(page, ana):
    shown = page.get(address(ana)).text
    assert shown.count("They left too long ago") == 3
    assert "Legitimate interest" in shown
    assert "import: a.csv" in shown
    ana.left_on = None
    db.session.commit()
    assert "Contract: they are a client" in page.get(address(ana)).text


def test_a_yes_from_elsewhere_is_a_basis_with_its_very_words(page, ana):
    assert told(page, ana, given_on="2026-11-02").status_code == 303
    (kept,) = consents()
    assert (kept.wording, kept.channel, kept.wording_version) == (WORDS, "phone", "own")
    assert kept.member.name == "Marta Ruiz"
    assert kept.given_at < kept.recorded_at
    assert ana.greetings_consent_at == kept.given_at
    assert ana.newsletter_consent_at is None
    shown = page.get(address(ana)).text
    assert "Consent: they said yes" in shown
    assert WORDS in shown
    assert shown.count("They left too long ago") == 2


def test_a_no_from_elsewhere_ends_the_purpose_and_both_stay_in_the_list(page, ana):
    told(page, ana)
    told(page, ana, said="no", wording="Ya no, gracias.")
    assert [row.is_granted for row in consents()] == [True, False]
    assert (ana.greetings, ana.greetings_consent_at) == (False, None)
    (row,) = suppressions.of(ana.email)
    assert (row.scope, row.reason, row.source) == ("greetings", "unsubscribed", "phone")


@pytest.mark.parametrize("missing", ["purpose", "said", "channel", "given_on", "wording"])
def test_nothing_is_kept_without_each_part_of_the_proof(page, ana, missing):
    assert told(page, ana, **{missing: ""}).status_code == 422
    assert consents() == []


def test_a_day_that_is_still_to_come_is_none_on_which_anybody_said_yes(page, ana):
    later = (today("Europe/Madrid") + timedelta(days=2)).isoformat()
    assert told(page, ana, given_on=later).status_code == 409
    assert consents() == []


@pytest.mark.parametrize("scope", [SuppressionScope.unasked, SuppressionScope.greetings])
def test_what_they_ended_by_their_own_link_only_they_can_take_back(page, ana, scope):
    suppressions.add(ana.email, SuppressionReason.unsubscribed, scope=scope)
    db.session.commit()
    assert told(page, ana).status_code == 409
    assert consents() == []
    assert "This address gets no mail" in page.get(address(ana)).text


def test_a_former_client_ticks_anew_what_time_has_ended(page, client, ana):
    link = "/p/" + current.sign(Purpose.preferences, ana.public_id)
    assert " checked" not in client.get(link).text
    client.post(link, data={"greetings": "y"})
    db.session.refresh(ana)
    assert ana.greetings_consent_at is not None
    assert {row.purpose: row.is_granted for row in consents()} == {
        "newsletter": False,
        "greetings": True,
        "check_ins": False,
    }
    assert (ana.newsletter, ana.check_ins) == (False, False), "the press brought them back"


def test_saving_what_is_ticked_already_is_no_consent_but_a_sign_of_life(client, session):
    builders.a_company()
    ana = builders.a_contact(left_on=today("Europe/Madrid") - timedelta(days=30))
    session.commit()
    link = "/p/" + current.sign(Purpose.preferences, ana.public_id)
    assert client.get(link).text.count("porque fuiste cliente") in {0, 3}  # 0: not yet translated
    client.post(link, data={"newsletter": "y", "greetings": "y", "check_ins": "y"})
    db.session.refresh(ana)
    assert consents() == []
    assert ana.newsletter_consent_at is None
    assert now() - ana.interacted_at < timedelta(minutes=1)


def test_a_former_client_says_that_it_may_go_on_by_a_tick_of_its_own(client, session):
    builders.a_company()
    ana = builders.a_contact(language="en", left_on=today("Europe/Madrid") - timedelta(days=30))
    session.commit()
    link = "/p/" + current.sign(Purpose.preferences, ana.public_id)
    assert 'name="go_on"' in client.get(link).text
    client.post(link, data={"newsletter": "y", "greetings": "y", "go_on": "y"})
    db.session.refresh(ana)
    assert [(row.purpose, row.is_granted) for row in consents()] == [
        ("newsletter", True),
        ("greetings", True),
        ("check_ins", False),
    ]
    assert consents()[0].wording.endswith("Go on with what I ticked after that day too")
    assert ana.newsletter_consent_at is not None
    assert ana.check_ins_consent_at is None
    page = client.get(link).text
    assert "because you said yes" in page
    assert 'name="go_on"' not in page, "there is no day any more"
    client.post(link, data={"newsletter": "y", "greetings": "y", "go_on": "y"})
    assert len(consents()) == 3


def test_those_whose_basis_ends_soon_are_one_hint_that_leads_to_their_list(page, ana):
    assert "may soon not be written" not in page.get("/").text
    ana.left_on = today("Europe/Madrid") - timedelta(days=700)
    db.session.commit()
    first = page.get("/").text
    assert "1 former client may soon not be written to any more" in first
    assert "/clients?state=ending" in first
    listed = page.get("/clients?state=ending").text
    assert ana.client.name in listed
    assert address(ana) in listed


def test_the_settings_ask_for_the_months_and_for_the_address(client, session):
    company = builders.a_company(language="en")
    owner = builders.logged_in(client, builders.a_member(language="en"))
    assert "Your postal address is missing" in owner.get("/settings").text
    values = {"name": "Norte", "accent": "#0f6b5c", "time_zone": "Europe/Madrid", "language": "es"}
    values |= {"business_days": ["0"], "business_from": "9:00", "business_until": "19:00"}
    values |= {"daily_cap": "4", "postal_address": "Ribera 14", "basis_months": "0"}
    assert send(owner, "/settings", values).status_code == 422
    assert send(owner, "/settings", {**values, "basis_months": "12"}).status_code == 303
    db.session.refresh(company)
    assert company.basis_months == 12
    assert "Your postal address is missing" not in owner.get("/settings").text
