"""The steps of a protocol on its pages: told first, saved once, refused with what to fix."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.models import Enrolment, Protocol, ProtocolVersion, Role, TeamMember
from service.models.steps import Anchor, Step, Unit
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT, SURVEY
from tests.builders import a_company, a_contact, a_member, a_protocol, added, logged_in

OWN = {
    "kind": "own_text",
    "title": "La encuesta del equipo",
    "count": "2",
    "unit": "weeks",
    "anchor": "step:thank_you",
    "at": "9.30",
    "weekdays": ["0", "1"],
    "only_if": ["keep_in_touch"],
    "stale_after": "5",
    "was": "1",
}
THE_SURVEY = {
    "count": "3",
    "unit": "days",
    "anchor": "end",
    "at": "10:00",
    "weekdays": list("0123456"),
    "stale_after": "21",
    "was": "1",
}


@pytest.fixture
def member(client: FlaskClient, session: Session) -> FlaskClient:
    """A member's browser, in English, and the default protocol."""
    a_company()
    protocol = a_protocol(name="", built_in=DEFAULT, is_default=True)
    at = protocol.created_at
    added(ProtocolVersion(protocol_id=protocol.id, number=1, steps=protocol.steps, created_at=at))
    session.commit()
    return logged_in(client, a_member(role=Role.member, language="en"))


def the_protocol(session: Session) -> Protocol:
    session.rollback()
    return session.scalars(select(Protocol)).one()


def post(member: FlaskClient, session: Session, path: str, **data):
    address = f"/protocols/{the_protocol(session).public_id}{path}"
    return member.post(address, data=data)


def steps(session: Session) -> dict[str, Step]:
    return {step.name: step for step in the_protocol(session).steps}


def leaving(session: Session) -> None:
    departures.record(a_contact(), Facts(service="Web", end_on=date(2030, 1, 1)))
    session.commit()


def test_a_step_is_added_under_a_name_of_its_own(member, session):
    assert "10:00" in member.get(f"/protocols/{the_protocol(session).public_id}/steps/new").text
    assert post(member, session, "/steps/new", **OWN).status_code == 303
    assert post(member, session, "/steps/new", **(OWN | {"was": "2"})).status_code == 303

    first, second = list(steps(session).values())[-2:]
    assert first.name.startswith("own_text-")
    assert first.name != second.name
    assert (first.count, first.unit, first.anchor) == (2, Unit.weeks, Anchor.step)
    assert (first.after, sorted(first.weekdays), str(first.at)) == ("thank_you", [0, 1], "09:30:00")
    assert [one.value for one in first.only_if] == ["keep_in_touch"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"count": "-1"}, "Write a number from 0"),
        ({"count": "0"}, "Two mails cannot go on the same day"),
        ({"count": ""}, "Write a number from 0"),
        ({"count": "61", "unit": "months"}, "more than five years"),
        ({"weekdays": []}, "Tick at least one day"),
        ({"weekdays": ["7"]}, "valid choice"),
        ({"stale_after": "0"}, "Write a number from 1"),
        ({"title": " "}, "Give it a title"),
        ({"at": "25:00"}, "Write a time such as"),
        ({"at": ""}, "Write a time such as 10:00."),
        ({"anchor": "step:gone"}, "valid choice"),
        ({"kind": "thank_you"}, "valid choice"),
        ({"unit": "years"}, "valid choice"),
        ({"only_if": ["never"]}, "valid choice"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(member, session, wrong, words):
    answer = post(member, session, "/steps/new", **(OWN | wrong))

    assert answer.status_code == 422
    assert re.search(words, answer.text)
    assert "title" in wrong or OWN["title"] in answer.text
    assert the_protocol(session).number == 1


def test_a_circle_is_refused_with_the_way_out(member, session):
    post(member, session, "/steps/new", **OWN)
    name = list(steps(session))[-1]
    post(member, session, "/steps/new", **(OWN | {"was": "2", "anchor": f"step:{name}"}))
    other = list(steps(session))[-1]
    circle = OWN | {"was": "3", "anchor": f"step:{other}"}
    answer = post(member, session, f"/steps/{name}", **circle)

    assert answer.status_code == 422
    assert "wait for one another" in answer.text
    assert the_protocol(session).number == 3


def test_what_a_change_touches_is_told_before_it_is_saved(member, session):
    leaving(session)
    told = post(member, session, "/steps/survey_invitation", **THE_SURVEY)

    assert told.status_code == 200
    assert "It touches one departure of 1 in this protocol." in told.text
    assert "2 days later" in told.text
    assert the_protocol(session).number == 1, "nothing is saved yet"
    fields = re.findall(r'<input type="hidden" name="(?!csrf)(\w+)" value="([^"]*)">', told.text)
    assert ("count", "3") in fields
    assert ("confirmed", "yes") not in fields
    sent = {name: [value for one, value in fields if one == name] for name, _value in fields}
    again = post(member, session, "/steps/survey_invitation", **sent, again="yes")
    assert again.status_code == 200
    assert 'name="count" type="text" value="3"' in again.text
    saved = post(member, session, "/steps/survey_invitation", **sent, confirmed="yes")
    assert saved.status_code == 303
    assert steps(session)["survey_invitation"] == replace(SURVEY, count=3)
    assert session.scalars(select(Enrolment)).one().next_at is not None


def test_those_a_change_touches_are_told_page_by_page(member, session):
    for _each in range(27):
        leaving(session)
    told = post(member, session, "/steps/survey_invitation", **THE_SURVEY, page="2")

    assert "It touches 27 departures of 27" in told.text
    assert "Page 2 of 2" in told.text
    assert told.text.count("Survey: 2 days later") == 2
    assert the_protocol(session).number == 1


def test_what_nobody_is_touched_by_is_saved_at_once(member, session):
    assert post(member, session, "/steps/survey_invitation", **THE_SURVEY).status_code == 303
    assert the_protocol(session).number == 2


def test_of_two_who_edit_a_step_the_second_is_told_and_keeps_what_was_typed(member, session):
    post(member, session, "/steps/survey_invitation", **THE_SURVEY)
    late = post(member, session, "/steps/survey_invitation", **(THE_SURVEY | {"count": "9"}))

    assert late.status_code == 409
    assert 'value="9"' in late.text
    assert 'name="was" type="hidden" value="2"' in late.text
    assert steps(session)["survey_invitation"].count == 3
    now = THE_SURVEY | {"count": "9", "was": "2"}
    assert post(member, session, "/steps/survey_invitation", **now).status_code == 303
    assert steps(session)["survey_invitation"].count == 9
    button = post(member, session, "/steps/thank_you/remove", was="1")
    assert button.status_code == 303
    assert "thank_you" in steps(session)


def test_of_ten_who_save_at_once_one_is_first_and_the_others_are_told(
    app: Flask, member, session
) -> None:
    address = f"/protocols/{the_protocol(session).public_id}/steps/survey_invitation"
    member = session.scalars(select(TeamMember)).one()
    people = [logged_in(app.test_client(), member) for _each in range(10)]
    session.rollback()

    def save(number: int) -> int:
        with app.app_context():
            typed = THE_SURVEY | {"count": str(number + 2)}
            return people[number].post(address, data=typed).status_code

    with ThreadPoolExecutor(10) as pool:
        assert Counter(pool.map(save, range(10))) == {303: 1, 409: 9}
    assert the_protocol(session).number == 2
    assert session.scalar(select(func.count()).select_from(ProtocolVersion)) == 2


def test_steps_are_moved_switched_and_removed(member, session):
    post(member, session, "/steps/thank_you/move", was="1", to="down")
    assert list(steps(session))[:2] == ["closing_letter", "thank_you"]
    post(member, session, "/steps/thank_you/switch", was="2", on="no")
    assert not steps(session)["thank_you"].is_on
    post(member, session, "/steps/thank_you/remove", was="3")
    assert "thank_you" not in steps(session)
    page = member.get(f"/protocols/{the_protocol(session).public_id}/versions").text
    for words in ("Another order.", "Switched off: Thank-you", "Removed: Thank-you", "Marta Ruiz"):
        assert words in page


def test_what_others_count_from_is_not_taken_away(member, session):
    for path in ("/steps/survey_invitation/remove", "/steps/survey_invitation/switch"):
        answer = post(member, session, path, was="1", on="no")
        page = member.get(answer.location).text
        assert "First survey reminder" in page or "not there" in page
    assert the_protocol(session).number == 1


def test_an_earlier_version_and_the_built_in_steps_come_back_as_new_versions(member, session):
    post(member, session, "/steps/thank_you/remove", was="1")
    post(member, session, "/steps/door_open-6m/remove", was="2")
    assert post(member, session, "/versions/2/restore", was="3").status_code == 303
    assert "door_open-6m" in steps(session)
    assert "thank_you" not in steps(session)
    assert post(member, session, "/restore", was="4").status_code == 303
    assert the_protocol(session).steps == BUILT_INS[DEFAULT]
    assert post(member, session, "/versions/77/restore", was="5").status_code == 404
    numbers = session.scalars(select(ProtocolVersion.number).order_by(ProtocolVersion.number))
    assert numbers.all() == [1, 2, 3, 4, 5]


def test_a_step_that_is_not_there_is_not_found(member, session):
    for path in ("/steps/own_text-none/move", "/steps/nothing", "/steps/nothing/remove"):
        assert post(member, session, path, **THE_SURVEY).status_code == 404
    address = f"/protocols/{the_protocol(session).public_id}/steps/own_text-none"
    assert member.get(address).status_code == 404
    assert member.get("/protocols/none/steps/new").status_code == 404
