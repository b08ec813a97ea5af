"""The testimonial by its two links: written once, shown only where its author said yes."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from service import current
from service.clock import now
from service.extensions import db
from service.models import (
    Consent,
    Event,
    InvitationKind,
    MailKind,
    OutboxMessage,
    Testimonial,
    TestimonialState,
)
from service.tokens import Purpose
from tests.builders import a_company, a_departure, a_member, an_invitation

WORDS = {
    "quote": "Nos quitaron un peso de encima.",
    "display_name": "Ruy Díaz",
    "display_company": "Bodegas Ruy Díaz",
    "publish_website": "y",
    "action": "send",
}


@pytest.fixture
def invitation(session):
    a_company()
    departure = a_departure(responsible=a_member())
    invitation = an_invitation(departure=departure, kind=InvitationKind.testimonial)
    session.commit()
    return invitation


@pytest.fixture
def link(invitation):
    return "/t/" + current.sign(Purpose.testimonial, invitation.public_id)


def the_testimonial() -> Testimonial:
    return db.session.scalars(select(Testimonial)).one()


def own_link() -> str:
    return "/q/" + current.sign(Purpose.quote, the_testimonial().public_id)


def mails(kind):
    query = select(OutboxMessage).where(OutboxMessage.kind == kind).order_by(OutboxMessage.id)
    return db.session.scalars(query).all()


def test_a_testimonial_is_kept_and_the_responsible_alerted(client, invitation, link):
    answer = client.post(link, data=WORDS)
    assert answer.status_code == 303
    assert "Gracias, de corazón" in client.get(answer.location).text
    testimonial = the_testimonial()
    assert testimonial.quote == WORDS["quote"]
    assert testimonial.state is TestimonialState.submitted
    assert not testimonial.is_published
    assert [m.provider_id for m in mails(MailKind.alert_testimonial)] == [
        invitation.departure.responsible_id
    ]


def test_each_permission_is_kept_apart_with_its_wording(client, invitation, link):
    client.post(link, data=WORDS)
    consents = {c.purpose: c for c in db.session.scalars(select(Consent))}
    assert {p: c.is_granted for p, c in consents.items()} == {
        "publish_website": True,
        "publish_brochure": False,
        "publish_social": False,
    }
    assert consents["publish_website"].wording == "Sí, podéis mostrar mis palabras en vuestra web"
    assert consents["publish_website"].language == "es"


def test_nothing_is_ticked_or_filled_in_for_the_contact(client, invitation, link):
    page = client.get(link).text
    assert "checked" not in page.split("</style>")[1]
    assert invitation.departure.contact.name not in page
    assert invitation.departure.client.name not in page


def test_the_preview_sends_nothing_and_keeps_what_was_typed(client, invitation, link):
    page = client.post(link, data={**WORDS, "action": "preview"})
    assert page.status_code == 200
    assert "Así se vería" in page.text
    assert page.text.count(WORDS["quote"]) == 2  # as it will look, and in the form
    assert db.session.scalars(select(Testimonial)).all() == []


def test_opening_the_links_changes_nothing(client, invitation, link):
    client.post(link, data=WORDS)
    before = (the_testimonial().version, len(db.session.scalars(select(Event)).all()))
    for address in (link, own_link(), link + "?action=send", link + "/withdraw"):
        client.get(address)
        client.head(address)
    assert (the_testimonial().version, len(db.session.scalars(select(Event)).all())) == before


def test_a_forwarded_link_shows_nothing_of_the_testimonial(client, invitation, link):
    client.post(link, data=WORDS)
    page = client.get(link).text
    assert WORDS["quote"] not in page
    assert "Ruy" not in page


def test_the_same_link_withdraws_it_at_once(client, invitation, link):
    client.post(link, data=WORDS)
    testimonial = the_testimonial()
    testimonial.state = TestimonialState.approved
    db.session.commit()
    assert testimonial.is_published
    invitation.closes_at = now() - timedelta(days=1)
    db.session.commit()
    for _ in range(2):
        assert client.post(f"{link}/withdraw").status_code == 200
    assert not the_testimonial().is_published
    assert the_testimonial().state is TestimonialState.withdrawn
    refusals = [c for c in db.session.scalars(select(Consent)) if not c.is_granted]
    assert refusals[-1].wording == "Retirar mi testimonio"


def test_the_page_mails_the_author_a_private_link_once_an_hour(client, invitation, link):
    client.post(link, data=WORDS)
    for _ in range(3):
        assert client.post(f"{link}/link").status_code == 200
    (mail,) = mails(MailKind.testimonial_link)
    assert mail.contact_id == invitation.departure.contact_id


def test_the_author_can_change_the_words_and_they_are_read_again(client, invitation, link):
    client.post(link, data=WORDS)
    the_testimonial().state = TestimonialState.approved
    db.session.commit()
    answer = client.post(own_link(), data={**WORDS, "quote": "Otra cosa."})
    assert answer.status_code == 303
    assert the_testimonial().quote == "Otra cosa."
    assert the_testimonial().state is TestimonialState.submitted
    assert len(mails(MailKind.alert_testimonial)) == 2


def test_taking_one_permission_back_needs_no_new_approval(client, invitation, link):
    client.post(link, data={**WORDS, "publish_social": "y"})
    the_testimonial().state = TestimonialState.approved
    db.session.commit()
    client.post(own_link(), data=WORDS)
    assert the_testimonial().state is TestimonialState.approved
    assert not the_testimonial().publish_social
    assert len(mails(MailKind.alert_testimonial)) == 1


def test_a_second_person_with_the_link_loses_no_word(client, invitation, link):
    client.post(link, data=WORDS)
    answer = client.post(link, data={**WORDS, "quote": "Yo también quiero decir algo."})
    assert answer.status_code == 409
    assert "Yo también quiero decir algo." in answer.text
    assert WORDS["quote"] not in answer.text
    assert the_testimonial().quote == WORDS["quote"]


def test_pressing_send_twice_is_one_testimonial_and_one_thank_you(client, invitation, link):
    addresses = {client.post(link, data=WORDS).location for _ in range(3)}
    assert len(addresses) == 1
    assert len(mails(MailKind.alert_testimonial)) == 1


def test_the_author_says_yes_or_no_to_the_shorter_version(client, invitation, link):
    client.post(link, data=WORDS)
    testimonial = the_testimonial()
    testimonial.edited_quote, testimonial.edit_sent_at = "Un peso de encima.", now()
    db.session.commit()
    assert testimonial.shown_quote == WORDS["quote"]
    client.post(f"{own_link()}/edit", data={"answer": "yes"})
    assert the_testimonial().shown_quote == "Un peso de encima."
    client.post(f"{own_link()}/edit", data={"answer": "no"})
    assert the_testimonial().shown_quote == WORDS["quote"]
    assert client.post(f"{own_link()}/edit", data={"answer": "yes"}).status_code == 410


@pytest.mark.parametrize("closed_by", ["closes_at", "revoked_at"])
def test_a_closed_link_keeps_the_typed_words_in_sight(client, invitation, link, closed_by):
    setattr(invitation, closed_by, now() - timedelta(minutes=1))
    db.session.commit()
    assert client.get(link).status_code == 410
    answer = client.post(link, data=WORDS)
    assert answer.status_code == 410
    assert WORDS["quote"] in answer.text
    assert db.session.scalars(select(Testimonial)).all() == []


def test_odd_text_comes_back_as_it_was_typed(client, invitation, link):
    odd = "😀" * 2_500 + "\u202eal revés\u200d <script>alert(1)</script> ñ'\"&"
    client.post(link, data={**WORDS, "quote": odd + "\x00", "display_name": "\x00Zoë\x07"})
    assert the_testimonial().quote == odd
    assert the_testimonial().display_name == "Zoë"
    assert "<script>alert" not in client.get(own_link()).text


def test_an_empty_quote_is_refused_in_the_contacts_language(client, invitation, link):
    answer = client.post(link, data={**WORDS, "quote": "   "})
    assert answer.status_code == 422
    assert "Escribe primero unas palabras." in answer.text
    assert 'value="Ruy Díaz"' in answer.text


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.testimonial])
def test_a_token_of_another_purpose_opens_no_testimonial(client, invitation, purpose):
    token = current.sign(purpose, invitation.public_id)
    for answer in (client.get(f"/t/{token}"), client.post(f"/t/{token}", data=WORDS)):
        assert answer.status_code == 404
        assert "Ruy" not in answer.text
    assert db.session.scalars(select(Testimonial)).all() == []


def test_a_machine_that_asks_for_links_is_slowed_down_kindly(client, invitation, link):
    client.post(link, data=WORDS)
    answers = [client.post(f"{link}/link").status_code for _ in range(8)]
    assert answers == [200] * 6 + [429] * 2
