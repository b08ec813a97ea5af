"""What went wrong: listed, apologised for, closed once with what was done, opened again."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from service.clock import now, today
from service.departures.rules import with_buts
from service.extensions import db
from service.models import Channel, Event, EventKind, Recovery, Role
from tests import builders
from tests.pages import send

TODAY = today("Europe/Madrid")
once = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # asks nothing of SQL


@pytest.fixture
def marta(session):
    """A member of the team."""
    builders.a_company(language="en")
    return builders.a_member(role=Role.member, language="en")


@pytest.fixture
def page(client, marta):
    """A browser in which Marta is logged in."""
    return builders.logged_in(client, marta)


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


def apology(by, **more) -> dict[str, object]:
    """What somebody types who apologised face to face today."""
    shown = {"way": "in_person", "why": "", "by": str(by.id), "day": TODAY.isoformat()}
    return {**shown, "words": "We let you down.", **more}


def shown_in(html: str) -> str:
    """What the page says that it showed of the apology."""
    return html.partition('name="was" value="')[2].partition('"')[0]


def note(page, recovery, values):
    """Note an apology on the page as it is now."""
    was = shown_in(page.get(path(recovery)).text)
    return send(page, f"{path(recovery)}/apology", {"was": was, **values}, page=path(recovery))


def test_an_apology_is_noted_with_name_day_and_way_and_corrected(page, marta, recovery):
    assert note(page, recovery, apology(marta)).status_code == 303
    db.session.refresh(recovery)
    assert (recovery.apologised_by, recovery.apologised_on) == (marta, TODAY)
    assert (recovery.apology_way, recovery.apology_note) == (Channel.in_person, "We let you down.")
    event = db.session.scalars(select(Event)).one()
    assert (event.kind, event.member) == (EventKind.apologised, marta)
    assert "Apology made: In person" in page.get(f"/departures/{recovery.departure.public_id}").text

    values = apology(marta, way="phone", why="They live in Lima.", day="2026-11-20")
    assert note(page, recovery, values).status_code == 303
    db.session.refresh(recovery)
    assert (recovery.apology_way, recovery.apology_why) == (Channel.phone, "They live in Lima.")
    assert recovery.apologised_on == date(2026, 11, 20)
    assert "They live in Lima." in page.get(path(recovery)).text


@once
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"way": ""}, "Choose how it was made."),
        ({"way": "email"}, "Not a valid choice"),
        ({"way": "phone"}, "A call is second best: write why"),
        ({"by": "999"}, "Not a valid choice"),
        ({"day": ""}, "Write the day."),
        ({"day": (TODAY + timedelta(1)).isoformat()}, "That day is yet to come."),
    ],
)
def test_what_no_apology_can_be_is_said_and_what_was_typed_stays(
    page, marta, recovery, wrong, sentence
):
    answer = note(page, recovery, {**apology(marta, words="<i>I am</i> sorry ✨"), **wrong})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "&lt;i&gt;I am&lt;/i&gt; sorry ✨" in answer.text
    db.session.refresh(recovery)
    assert recovery.apology_way is None


def test_of_two_who_note_it_the_second_is_told_keeps_what_they_wrote_and_may_save_again(
    page, marta, recovery
):
    note(page, recovery, apology(marta, words="Mine."))
    values = apology(marta, words="Theirs.", was="what was before")
    answer = note(page, recovery, values)
    assert answer.status_code == 409
    assert "Somebody of your team noted an apology meanwhile." in answer.text
    assert "Mine." in answer.text
    assert "Theirs." in answer.text
    assert note(page, recovery, values | {"was": shown_in(answer.text)}).status_code == 303
    db.session.refresh(recovery)
    assert recovery.apology_note == "Theirs."


def test_an_apology_that_was_not_made_is_taken_out_and_the_timeline_keeps_it(page, marta, recovery):
    note(page, recovery, apology(marta))
    was = shown_in(page.get(path(recovery)).text)
    send(page, f"{path(recovery)}/apology/remove", {"was": was}, page=path(recovery))
    db.session.refresh(recovery)
    assert (recovery.apology_way, recovery.apologised_by, recovery.apology_note) == (None, None, "")
    kinds = [event.kind for event in db.session.scalars(select(Event).order_by(Event.id))]
    assert kinds == [EventKind.apologised, EventKind.apology_removed]


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("I am sorry, but you were late. BUT!", ["but", "BUT"]),
        ("Lo siento, pero llegasteis tarde.", ["pero"]),
        ("Un perol de mantequilla, butter: buttons.", []),
        ("", []),
    ],
)
def test_a_but_is_found_as_a_word_in_both_languages(text, marked):
    pieces = with_buts(text)
    assert [piece for piece, is_but in pieces if is_but] == marked
    assert "".join(piece for piece, _is_but in pieces) == text


@once
def test_a_but_in_what_was_said_is_marked_gently_once_it_is_saved(page, marta, recovery):
    note(page, recovery, apology(marta, words="Sorry, but <b>you</b> were late."))
    shown = page.get(path(recovery)).text
    assert "Sorry, <mark>but</mark> &lt;b&gt;you&lt;/b&gt; were late." in shown
    assert "An apology is stronger without one" in shown
    note(page, recovery, apology(marta, words="Sorry."))
    assert "An apology is stronger without one" not in page.get(path(recovery)).text


@once
def test_until_it_is_made_every_page_says_how_and_has_the_telephone_or_where_to_add_it(
    page, marta, recovery
):
    departure = recovery.departure
    departure.client.responsible_id, contact = marta.id, departure.contact  # nobody else is named
    there, add = f"/departures/{departure.public_id}", f"/clients/contacts/{contact.public_id}"
    db.session.commit()
    for shown in (page.get(place).text for place in (path(recovery), there)):
        assert "First an apology by Marta Ruiz, face to face." in shown
        assert "no telephone is known" in shown
        assert f'href="{add}"' in shown
    shown = page.get("/").text
    assert "gave a 2: apologise face to face" in shown
    assert f'href="{add}"' in shown

    contact.phone = "+34 600 000 001"
    db.session.commit()
    for place in (path(recovery), there, "/"):
        assert 'href="tel:+34 600 000 001"' in page.get(place).text

    note(page, recovery, apology(marta))
    assert "First an apology" not in page.get(path(recovery)).text + page.get(there).text
    shown = page.get("/").text
    assert "has had an apology by Marta Ruiz: put it right, then close it" in shown
    assert "tel:" not in shown
