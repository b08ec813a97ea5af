"""The private link of a response: read it again, continue, change it, and be thanked."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import now
from service.models import (
    Consent,
    Event,
    EventKind,
    Invitation,
    InvitationKind,
    Reason,
    Recovery,
    Response,
)
from tests.builders import (
    a_company,
    a_departure,
    a_member,
    a_question,
    a_response,
    an_invitation,
)
from tests.surveys.survey_links import WHOLE, mailed_link, private_link, save, send


@pytest.fixture
def invitation(session: Session) -> Invitation:
    """Somebody invited to the survey by Marta Ruiz."""
    a_company()
    made = an_invitation(departure=a_departure(responsible=a_member(name="Marta Ruiz")))
    session.commit()
    return made


def the_response(session: Session) -> Response:
    """The one response there is, fresh from the database."""
    session.rollback()
    return session.scalars(select(Response)).one()


def events(session: Session) -> list[EventKind]:
    """The events of the timeline, in order."""
    return list(session.scalars(select(Event.kind).order_by(Event.id)))


def test_a_saved_response_is_continued_and_sent(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    address = save(client, mailed_link(invitation), valued_most="La calma").location
    page = client.get(address).text
    assert "La calma" in page
    assert "Guardado" in page
    send(client, address, score="9", valued_most="La calma y el humor")
    response = the_response(session)
    assert response.submitted_at is not None
    assert response.valued_most == "La calma y el humor"
    assert events(session) == [EventKind.answer_saved, EventKind.answer_sent]


def test_a_sent_answer_can_be_changed_until_the_survey_closes(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    address = send(client, mailed_link(invitation), **WHOLE).location
    send(client, address, **{**WHOLE, "score": "10", "reasons": ["price"], "keep_in_touch": ""})
    response = the_response(session)
    assert response.score == 10
    assert response.reasons == {Reason.price}
    assert not response.keep_in_touch
    sent_at = response.submitted_at
    response.invitation.closes_at = now() - timedelta(seconds=1)
    session.commit()
    late = send(client, address, **{**WHOLE, "comment": "Demasiado tarde"})
    assert late.status_code == 410
    assert "Demasiado tarde" in late.text
    assert client.get(address).status_code == 410
    assert the_response(session).submitted_at == sent_at


def test_a_sent_answer_never_becomes_partial_again(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    address = send(client, mailed_link(invitation), **WHOLE).location
    sent_at = the_response(session).submitted_at
    assert save(client, address, comment="Sin nota").status_code == 422
    save(client, address, score="4")
    assert the_response(session).submitted_at == sent_at


def test_sending_the_same_again_changes_nothing(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    address = send(client, mailed_link(invitation), **WHOLE).location
    for _ in range(3):
        assert send(client, address, **WHOLE).status_code == 303
    assert events(session) == [EventKind.answer_sent]
    assert the_response(session).version == 1


def test_an_answer_changed_on_two_devices_asks_which_one_holds(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    address = send(client, mailed_link(invitation), score="9").location
    assert 'name="version" type="hidden" value="1"' in client.get(address).text
    send(client, address, score="9", comment="Desde el móvil", version="1")
    page = send(client, address, score="9", comment="Desde la mesa", version="1")
    assert page.status_code == 409
    assert "Desde la mesa" in page.text
    assert the_response(session).comment == "Desde el móvil"
    send(client, address, score="9", comment="Desde la mesa", version="2")
    assert the_response(session).comment == "Desde la mesa"


def test_the_thanks_offer_a_testimonial_only_when_it_is_deserved(
    client: FlaskClient, session: Session
) -> None:
    a_company()
    cases = [
        ({"score": "9", "reasons": ["price"]}, set(), True),
        ({"score": "9", "reasons": ["customer_service"]}, set(), False),
        ({"score": "9"}, {Reason.deliverable_quality}, False),
        ({"score": "5"}, set(), False),
    ]
    for answers, guess, is_offered in cases:
        invitation = an_invitation(departure=a_departure(reasons=guess))
        session.commit()
        page = client.get(send(client, mailed_link(invitation), **answers).location).text
        assert ("/t/" in page) is is_offered, answers
        assert page.count('class="card"') == (2 if is_offered else 1)
        assert "/d/" in page
        assert "/p/" in page
        invited = select(Invitation).where(
            Invitation.departure_id == invitation.departure_id,
            Invitation.kind == InvitationKind.testimonial,
        )
        assert (session.scalars(invited).first() is not None) is is_offered


def test_ticking_keep_in_touch_is_kept_with_its_wording_and_can_be_taken_back(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    address = send(client, mailed_link(invitation), score="9", keep_in_touch="y").location
    yes = session.scalars(select(Consent)).one()
    assert yes.is_granted
    assert yes.language == "es"
    page = client.get(address).text
    for words in yes.wording.splitlines():
        assert words in page
    send(client, address, score="9")
    session.rollback()
    assert [c.is_granted for c in session.scalars(select(Consent).order_by(Consent.id))] == [
        True,
        False,
    ]
    contact = invitation.departure.contact
    assert (contact.newsletter, contact.greetings, contact.check_ins) == (False, False, False)


def test_leaving_keep_in_touch_unticked_is_no_answer(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    send(client, mailed_link(invitation), score="9")
    assert session.scalars(select(Consent)).first() is None
    assert invitation.departure.contact.check_ins


def test_a_low_score_opens_one_recovery_and_a_later_better_one_does_not_close_it(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    address = send(client, mailed_link(invitation), score="3").location
    send(client, address, score="10")
    send(client, address, score="2")
    assert session.scalars(select(Recovery)).one().closed_at is None


def test_an_answer_to_a_question_that_was_switched_off_meanwhile_is_kept(
    client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    question = a_question()
    session.commit()
    client.get(mailed_link(invitation))
    question.is_on, question.deleted_at = False, now()
    session.commit()
    name = f"q_{question.id}"
    address = send(
        client, mailed_link(invitation), score="9", **{name: "Aún vale", "q_987654": "?"}
    ).location
    assert "Aún vale" in client.get(address).text
    assert the_response(session).answers[0].value == "Aún vale"


def test_a_private_link_opens_nothing_else(client: FlaskClient, session: Session) -> None:
    response = a_response()
    session.commit()
    token = private_link(response).removeprefix("/r/")
    for other in ("/s/", "/t/", "/p/", "/d/"):
        assert client.get(other + token).status_code == 404
    assert client.get(private_link(response)[:-1]).status_code == 404
