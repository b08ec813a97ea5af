"""Door open: a press tells the responsible at once, a visit tells nobody."""

import pytest
from sqlalchemy import select

from service import current
from service.extensions import db
from service.models import Event, EventKind, MailKind, OutboxMessage
from service.tokens import Purpose
from tests.builders import a_company, a_departure, a_provider


@pytest.fixture
def departure(session):
    a_company()
    departure = a_departure(responsible=a_provider(name="Marta Ruiz"))
    session.commit()
    return departure


@pytest.fixture
def link(departure):
    return "/d/" + current.sign(Purpose.door, departure.contact.public_id)


def alerts():
    query = select(OutboxMessage).where(OutboxMessage.kind == MailKind.alert_door_open)
    return db.session.scalars(query).all()


def test_a_press_tells_the_responsible(client, departure, link):
    answer = client.post(link, data={"message": "¿Tomamos un café?", "suits": "los martes"})
    assert answer.status_code == 303
    assert client.get(answer.location).status_code == 200
    (alert,) = alerts()
    assert alert.provider_id == departure.responsible_id
    (event,) = db.session.scalars(select(Event)).all()
    assert event.kind is EventKind.wants_to_talk
    assert event.detail == "¿Tomamos un café?\nlos martes"
    assert departure.contact.wants_to_talk_at is not None


def test_presses_of_one_day_are_one_alert_and_no_word_is_lost(client, departure, link):
    for message in ("uno", "dos", "tres"):
        client.post(link, data={"message": message})
    assert len(alerts()) == 1
    said = [event.detail for event in db.session.scalars(select(Event).order_by(Event.id))]
    assert said == ["uno", "dos", "tres"]


def test_without_a_responsible_every_owner_hears_of_it(client, session, departure, link):
    departure.responsible = None
    a_provider(name="Otra")
    a_provider(name="Ya no está", is_active=False)
    session.commit()
    client.post(link)
    assert len(alerts()) == 2


def test_a_visit_changes_nothing(client, departure, link):
    for _ in range(5):
        assert client.get(link).status_code == 200
        assert client.head(link).status_code == 200
    assert alerts() == []
    assert db.session.scalars(select(Event)).all() == []


def test_a_message_that_is_too_long_is_refused_and_kept(client, departure, link):
    answer = client.post(link, data={"message": "😀" * 2_001})
    assert answer.status_code == 422
    assert "😀" * 2_001 in answer.text
    assert alerts() == []
