"""What went wrong: listed, closed once with what was done, opened again."""

import pytest
from sqlalchemy import select

from service.clock import now
from service.extensions import db
from service.models import Event, EventKind, Recovery, Role
from tests import builders
from tests.pages import send


@pytest.fixture
def page(client, session):
    """A browser in which a member of the team is logged in."""
    builders.a_company(language="en")
    return builders.logged_in(client, builders.a_member(role=Role.member, language="en"))


@pytest.fixture
def recovery(page) -> Recovery:
    """Something went wrong with a client who said so."""
    departure = builders.a_departure()
    builders.a_response(
        invitation=builders.an_invitation(departure=departure), score=2, to_improve="<b>Listen</b>"
    )
    recovery = builders.added(Recovery(departure=departure))
    db.session.commit()
    return recovery


def path(recovery: Recovery) -> str:
    """The address of its page."""
    return f"/recoveries/{recovery.departure.public_id}"


def test_the_open_ones_are_listed_with_what_was_said(page, recovery):
    shown = page.get("/recoveries").text
    assert recovery.departure.client.name in shown
    assert "&lt;b&gt;Listen&lt;/b&gt;" in shown


def test_one_is_closed_with_what_was_done(page, recovery):
    send(page, path(recovery), {"is_resolved": "yes", "note": "Called and apologised."})
    db.session.refresh(recovery)

    assert recovery.closed_at is not None
    assert (recovery.is_resolved, recovery.note) == (True, "Called and apologised.")
    event = db.session.scalars(select(Event)).one()
    assert (event.kind, event.detail) == (EventKind.recovery_closed, "Called and apologised.")
    assert recovery.departure.client.name in page.get("/recoveries?state=closed").text


@pytest.mark.parametrize("wrong", [{"note": "Called."}, {"is_resolved": "yes", "note": " "}])
def test_both_questions_have_to_be_answered(page, recovery, wrong):
    answer = send(page, path(recovery), wrong)

    assert answer.status_code == 422
    db.session.refresh(recovery)
    assert recovery.closed_at is None


def test_of_two_who_close_it_the_second_is_told_and_keeps_what_they_wrote(page, recovery):
    page.get(path(recovery))
    recovery.closed_at, recovery.is_resolved, recovery.note = now(), True, "I called."
    db.session.commit()
    values = {"is_resolved": "no", "note": "I wrote a letter."}
    answer = send(page, path(recovery), values)

    assert answer.status_code == 409
    assert "I wrote a letter." in answer.text
    assert "I called." in answer.text
    db.session.refresh(recovery)
    assert recovery.note == "I called."


def test_a_closed_one_can_be_opened_again(page, recovery):
    send(page, path(recovery), {"is_resolved": "no", "note": "They did not pick up."})
    send(page, f"{path(recovery)}/reopen", page=path(recovery))
    db.session.refresh(recovery)

    assert recovery.closed_at is None
    assert recovery.note == "They did not pick up."


def test_what_never_went_wrong_is_a_404(page):
    assert page.get("/recoveries/nothing").status_code == 404
    assert "Nothing to put right" in page.get("/recoveries").text
