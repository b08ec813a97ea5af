"""The pages of protocols: the picture, the rules, the default, the deletion; who chooses which."""

import re
from datetime import UTC, date, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.models import Enrolment, EnrolmentState, Protocol, Role
from service.protocols.queries import protocols
from service.protocols.rules.built_ins import BUILT_INS
from tests.builders import a_company, a_contact, a_member, a_protocol, logged_in
from tests.pages import SEEN

WAS = r'name="was"[^>]*value="(\w+)"'


@pytest.fixture
def member(client: FlaskClient, session: Session) -> FlaskClient:
    """A member's browser, in English; two protocols, the first the default."""
    a_company()
    a_protocol(name="", built_in="default", is_default=True, position=1)
    a_protocol(name="Web", services="Web", steps=BUILT_INS["short"], position=2)
    session.commit()
    return logged_in(client, a_member(role=Role.member, language="en"))


def named(session: Session, name: str) -> Protocol:
    session.rollback()
    return session.scalars(select(Protocol).where(Protocol.name == name)).one()


def leaving(session: Session, **more):
    departure = departures.record(
        a_contact(), Facts(end_on=date(2030, 1, 1), **{"service": "Web", **more})
    )
    session.commit()
    return departure


def enrolment(session: Session) -> Enrolment:
    session.rollback()
    return session.scalars(select(Enrolment)).one()


def test_the_list_says_which_is_the_default_and_how_many_are_in_each(member, session):
    leaving(session)
    page = member.get("/protocols").text

    assert "The whole farewell" in page
    assert "default" in page
    assert "Service: Web" in page
    assert '<td data-label="Departures in it">1</td>' in page


def test_the_picture_has_each_step_as_a_mark_and_the_table_says_the_same(member, session):
    page = member.get(f"/protocols/{named(session, '').public_id}").text

    assert page.count('r="14"') == page.count('data-label="No."') == 9
    assert "From the end date" in page
    assert "day 183" in page
    assert "3 days after “Survey” went" in page


def test_who_may_only_read_sees_no_way_to_change_it(client, session):
    a_company()
    protocol = a_protocol(name="Web", is_default=True)
    session.commit()
    viewer = logged_in(client, a_member(role=Role.viewer, language="en"))
    for address in ("", f"/{protocol.public_id}", f"/{protocol.public_id}/versions"):
        page = viewer.get(f"/protocols{address}").text
        assert "<h1>" in page
        assert 'name="was"' not in page
        assert "/protocols/new" not in page
        assert "/steps/new" not in page


def test_a_protocol_that_nobody_has_changed_says_that_there_are_no_versions(member, session):
    page = member.get(f"/protocols/{named(session, 'Web').public_id}/versions").text
    assert "No versions yet" in page


def test_a_copy_is_made_and_a_name_is_asked_for(member, session):
    web = named(session, "Web")
    assert member.post("/protocols/new", data={"copy_of": web.public_id}).status_code == 422
    made = member.post("/protocols/new", data={"name": "Fin", "copy_of": web.public_id})

    assert made.status_code == 303
    assert named(session, "Fin").steps == BUILT_INS["short"]
    member.post("/protocols/new", data={"name": "Vacío", "copy_of": ""})
    empty = named(session, "Vacío")
    assert "No steps yet" in member.get(f"/protocols/{empty.public_id}").text


def test_rules_are_kept_and_of_two_who_change_them_the_second_keeps_what_was_typed(member, session):
    web = named(session, "Web")
    address = f"/protocols/{web.public_id}/rules"
    was = re.findall(WAS, member.get(address).text)[0]
    first = {"name": "Web", "services": " SEO \r\nSEO\r\n\r\nWeb", "reasons": ["price"], "was": was}
    assert member.post(address, data=first).status_code == 303
    assert (named(session, "Web").services, named(session, "Web").reasons) == ("SEO\nWeb", "price")

    late = member.post(address, data={"name": "Otra", "services": "Mío", "was": was})
    assert late.status_code == 409
    assert "Mío" in late.text
    assert "meanwhile" in late.text
    again = re.findall(WAS, late.text)[0]
    assert (
        member.post(address, data={"name": "Otra", "services": "Mío", "was": again}).status_code
        == 303
    )
    assert named(session, "Otra").services == "Mío"


def test_the_default_and_the_order_are_changed(member, session):
    web = named(session, "Web")
    member.post(f"/protocols/{web.public_id}/default")
    member.post(f"/protocols/{web.public_id}/move", data={"to": "up"})

    assert named(session, "Web").is_default
    assert not named(session, "").is_default
    assert [row.name for row in protocols.choices()] == ["Web", ""]


def test_deleting_asks_what_becomes_of_those_in_it_and_can_be_undone(member, session):
    leaving(session)
    web, whole = named(session, "Web"), named(session, "")
    address = f"/protocols/{web.public_id}/delete"
    assert "One departure gets its mails by it." in member.get(address).text
    assert member.post(address, data={"fate": "nothing"}).status_code == 422
    there = {"fate": "move", "to": whole.public_id}
    page = member.post(address, data=there, follow_redirects=True).text

    assert "“Web” is deleted." in page
    assert enrolment(session).protocol_id == whole.id
    assert member.get(f"/protocols/{web.public_id}").status_code == 404
    assert member.post(address, data=there).status_code == 404
    member.post(f"/protocols/{web.public_id}/put-back")
    assert member.get(f"/protocols/{web.public_id}").status_code == 200
    refused = member.post(f"/protocols/{whole.public_id}/delete", data={"fate": "finish"})
    assert refused.status_code == 422
    assert "default" in refused.text


def test_a_departure_is_recorded_on_the_protocol_chosen_or_on_what_the_rules_say(member, session):
    web, whole = named(session, "Web"), named(session, "")
    page = member.get("/departures/new").text
    assert "By the rules: “The whole farewell” when none fits" in page
    typed = {
        "client": "Bodegas",
        "contact_name": "Ruy",
        "email": "ruy@bodegas.example",
        "language": "es",
        "service": "Web",
        "notice_on": str(datetime.now(UTC).date()),
        "sends_mails": "y",
        **SEEN,
    }
    member.post("/departures/new", data=typed | {"protocol": whole.public_id})
    assert enrolment(session).protocol_id == whole.id
    member.post("/departures/new", data=typed | {"client": "Otras", "email": "o@o.example"})
    query = select(Enrolment.protocol_id).order_by(Enrolment.id.desc()).limit(1)
    assert session.scalar(query) == web.id
    assert member.post("/departures/new", data=typed | {"protocol": "x"}).status_code == 422


def test_a_departure_is_put_on_another_paused_and_let_go_on(member, session):
    departure = leaving(session)
    address = f"/departures/{departure.public_id}"
    whole = named(session, "")
    page = member.post(
        f"{address}/protocol", data={"protocol": whole.public_id, **SEEN}, follow_redirects=True
    ).text
    assert "Put on another protocol: The whole farewell" in page
    assert enrolment(session).protocol_id == whole.id
    assert member.post(f"{address}/protocol", data={"protocol": "x"}).status_code == 404

    page = member.post(f"{address}/protocol/pause", follow_redirects=True).text
    assert "Marta Ruiz paused the farewell mails" in page
    assert "Farewell mails paused" in page
    assert enrolment(session).state is EnrolmentState.paused
    member.post(f"{address}/protocol/resume", data=SEEN)
    assert enrolment(session).state is EnrolmentState.active
    member.post(f"{address}/protocol/pause")
    member.post(f"{address}/protocol/stop")
    assert enrolment(session).state is EnrolmentState.stopped
