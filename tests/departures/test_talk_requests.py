"""Door open: a press tells the responsible at once, a visit tells nobody."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from sqlalchemy import func, select

from service import current
from service.clock import now
from service.extensions import db
from service.mail import links
from service.mail.rendering.rendering import render
from service.models import (
    Channel,
    DayPart,
    Event,
    EventKind,
    MailKind,
    MailState,
    OutboxMessage,
    TalkRequest,
    TalkRequestState,
)
from service.tokens import Purpose
from tests.builders import a_client, a_company, a_contact, a_departure, a_member, added
from tests.mail.mails import in_octets, parsed, text_of

HOSTILE = ["<script>alert(1)</script>", "a\r\nBcc: x@y.example", "‮olleh", "ñ😀\x00", "=1+1"]


@pytest.fixture
def departure(session):
    a_company()
    departure = a_departure(
        contact=a_contact(name="Ruy Secreto", phone="600 123 123"),
        responsible=a_member(name="Marta Ruiz"),
    )
    session.commit()
    return departure


@pytest.fixture
def link(departure):
    return "/d/" + current.sign(Purpose.talk, departure.contact.public_id)


def alerts():
    query = select(OutboxMessage).where(OutboxMessage.kind == MailKind.alert_door_open)
    return db.session.scalars(query).all()


def talk_requests():
    return db.session.scalars(select(TalkRequest).order_by(TalkRequest.id)).all()


def a_sent_mail(contact, kind=MailKind.survey_invitation, **more):
    values = {"due_at": now(), "ended_at": now(), "state": MailState.sent, "language": "es"}
    return added(
        OutboxMessage(key=f"{kind}{contact.id}", kind=kind, contact=contact, **{**values, **more})
    )


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


def test_all_that_is_said_is_kept_and_the_alert_tells_it(client, departure, link):
    said = {
        "message": "La tienda nueva",
        "channel": "phone",
        "phone": "+34 611 222 333",
        "day_part": "morning",
        "suits": "no el viernes",
    }
    client.post(link, data=said)
    (row,) = talk_requests()
    assert (row.channel, row.day_part) == (Channel.phone, DayPart.morning)
    assert (row.departure_id, row.state) == (departure.id, TalkRequestState.open)
    (alert,) = alerts()
    rendered = render(alert)
    assert rendered.reply_to == ("Ruy Secreto", departure.contact.email)
    text = text_of(parsed(in_octets(rendered)))
    for words in ("La tienda nueva", "+34 611 222 333", "no el viernes", "600 123 123"):
        assert words in text
    assert f"/conversations/{row.public_id}" in text


def test_presses_of_one_day_are_one_alert_and_no_word_is_lost(client, departure, link):
    for message in ("uno", "dos", "tres", "dos"):
        client.post(link, data={"message": message})
    assert len(alerts()) == 1
    said = [event.detail for event in db.session.scalars(select(Event).order_by(Event.id))]
    assert said == ["uno", "dos", "tres"]
    assert [row.message for row in talk_requests()] == ["uno\n\ndos\n\ntres"]


def test_a_hundred_presses_at_once_are_one_conversation(app, session, departure, link):
    session.rollback()

    def press(number):
        with app.app_context():
            return app.test_client().post(link, data={"message": "¿Hablamos?"}).status_code

    with ThreadPoolExecutor(20) as people:
        assert Counter(people.map(press, range(100))) == {303: 100}
    session.rollback()
    for model in (TalkRequest, Event, OutboxMessage):
        assert session.scalar(select(func.count()).select_from(model)) == 1


def test_who_writes_twice_sees_that_we_know_it(client, link):
    assert client.post(link).location.endswith("sent=yes")
    second = client.post(link, data={"message": "y otra cosa"})
    assert second.location.endswith("sent=again")
    assert client.get(second.location).text != client.get(f"{link}?sent=yes").text


def test_the_mailed_link_shows_neither_names_nor_what_was_said(client, link):
    client.post(link, data={"message": "entre nosotros", "phone": "699"})
    shown = client.get(link).text
    for words in ("Ruy", "Secreto", "600 123 123", "entre nosotros", "699"):
        assert words not in shown


def test_another_day_adds_to_what_still_waits_and_tells_once_more(client, departure, link):
    with time_machine.travel("2026-11-24T09:00:00Z"):
        client.post(link, data={"message": "uno"})
    with time_machine.travel("2026-11-25T09:00:00Z"):
        client.post(link, data={"message": "dos"})
    assert [row.message for row in talk_requests()] == ["uno\n\ndos"]
    assert len(alerts()) == 2


def test_what_was_over_is_another_conversation_on_another_day(client, session, departure, link):
    with time_machine.travel("2026-11-24T09:00:00Z"):
        client.post(link, data={"message": "uno"})
    talk_requests()[0].state = TalkRequestState.held
    session.commit()
    with time_machine.travel("2026-11-25T09:00:00Z"):
        assert client.post(link, data={"message": "dos"}).location.endswith("sent=yes")
    assert [row.state for row in talk_requests()] == [
        TalkRequestState.held,
        TalkRequestState.open,
    ]


def test_new_words_on_the_same_day_open_what_was_over(client, session, departure, link):
    client.post(link, data={"message": "uno"})
    talk_requests()[0].state = TalkRequestState.declined
    session.commit()
    client.post(link, data={"message": "uno"})  # a replay changes nothing
    assert talk_requests()[0].state is TalkRequestState.declined
    client.post(link, data={"message": "dos"})
    assert talk_requests()[0].state is TalkRequestState.open


def test_the_mail_whose_link_was_used_is_remembered(client, session, departure):
    mail = a_sent_mail(departure.contact)
    session.commit()
    path = links.talk(departure.contact, mail).removeprefix("http://localhost")
    assert mail.public_id not in path
    client.get(path)
    assert talk_requests() == []
    client.post(path)
    assert talk_requests()[0].outbox_id == mail.id


@pytest.mark.parametrize("mark", ["", "x", "another", "é" * 500])
def test_a_mark_that_is_not_of_a_mail_to_them_is_nothing(client, session, departure, link, mark):
    other = a_sent_mail(a_contact())
    session.commit()
    assert client.post(f"{link}?m={links.mark(other) if mark == 'another' else mark}").location
    assert talk_requests()[0].outbox_id is None


def test_without_a_responsible_every_owner_hears_of_it(client, session, departure, link):
    departure.responsible = None
    a_member(name="Otra")
    a_member(name="Ya no está", is_active=False)
    session.commit()
    client.post(link)
    assert len(alerts()) == 2


def test_of_whom_no_departure_is_recorded_the_clients_responsible_hears(client, session):
    a_company()
    a_member(name="Dueña")
    ana = a_member(name="Ana")
    contact = a_contact(client=a_client(responsible_id=ana.id))
    session.commit()
    client.post("/d/" + current.sign(Purpose.talk, contact.public_id), data={"message": "hola"})
    (alert,) = alerts()
    assert alert.provider_id == ana.id
    assert talk_requests()[0].departure_id is None
    assert "hola" in text_of(parsed(in_octets(render(alert))))


def test_a_visit_changes_nothing(client, departure, link):
    for _ in range(5):
        assert client.get(link).status_code == 200
        assert client.head(f"{link}?m=abc").status_code == 200
    assert alerts() == []
    assert talk_requests() == []
    assert db.session.scalars(select(Event)).all() == []


def test_a_message_that_is_too_long_is_refused_and_kept(client, departure, link):
    answer = client.post(link, data={"message": "😀" * 2_001})
    assert answer.status_code == 422
    assert "😀" * 2_001 in answer.text
    assert alerts() == []


@pytest.mark.parametrize("wrong", [{"channel": "fax"}, {"day_part": "x"}, {"phone": "1" * 61}])
def test_what_is_no_choice_is_refused(client, departure, link, wrong):
    assert client.post(link, data=wrong).status_code == 422
    assert talk_requests() == []


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_reach_the_alert_as_words(client, departure, link, words):
    assert client.post(link, data={"message": words, "suits": words, "phone": words}).location
    mail = parsed(in_octets(render(alerts()[0])))
    assert mail["Bcc"] is None
    assert "<script>" not in str(mail.get_body(("html",)).get_content())


@pytest.mark.parametrize("token", ["nothing", "survey"])
def test_only_its_own_token_opens_the_door(client, departure, token):
    if token == "survey":
        token = current.sign(Purpose.preferences, departure.contact.public_id)
    assert client.get(f"/d/{token}").status_code == 404
    assert client.post(f"/d/{token}", data={"message": "x"}).status_code == 404
    assert talk_requests() == []
