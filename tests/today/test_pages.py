"""Today says what waits, whose it is and since when; a new install says how to begin."""

from datetime import timedelta

import pytest

from service.clock import now, today
from service.models import (
    Enrolment,
    MailKind,
    MailState,
    OutboxMessage,
    Recovery,
    Role,
    Stage,
    Testimonial,
)
from tests.builders import (
    a_client,
    a_company,
    a_contact,
    a_departure,
    a_member,
    a_response,
    a_talk_request,
    added,
    an_invitation,
    logged_in,
)
from tests.mail.rows import a_row, ago


@pytest.fixture
def me(session):
    a_company(language="en")
    return a_member(name="Marta", language="en")


@pytest.fixture
def page(client, me, session):
    logged_in(client, me)

    def shown():
        session.commit()
        return client.get("/").text

    return shown


def a_departure_of(name, **more):
    return a_departure(contact=a_contact(client=a_client(name=name)), **more)


def test_a_new_install_says_three_steps_and_offers_sample_data(client, session):
    logged_in(client, a_member(language="en"))
    shown = client.get("/").text
    for step in ("Say who you are", "Bring your client list", "Record the first departure"):
        assert step in shown
    assert "Add sample data" in shown


def test_steps_that_are_done_say_so(page):
    a_client()
    shown = page()
    assert shown.count(">done<") == 2
    assert "Import clients" not in shown


def test_the_steps_go_when_the_first_departure_is_there(page):
    a_departure(stage=Stage.closed)
    shown = page()
    assert "Three steps" not in shown
    assert "Nothing waits for you" in shown


def test_sample_data_does_not_count_as_a_first_departure(page):
    a_departure(contact=a_contact(client=a_client(is_sample=True)))
    shown = page()
    assert "Record the first departure" in shown
    assert "Remove the sample data" in shown


def test_an_open_recovery_waits_for_its_responsible_and_is_late_after_two_days(page, me):
    departure = a_departure_of("Bodegas", responsible=me)
    a_response(invitation=an_invitation(departure=departure), score=3)
    added(Recovery(departure=departure, opened_at=now() - timedelta(days=3)))
    shown = page()
    assert "For you" in shown
    assert "gave a 3" in shown
    assert "1 late" in shown
    assert f"/recoveries/{departure.public_id}" in shown


def test_a_closed_recovery_waits_for_nobody(page):
    added(Recovery(departure=a_departure(), closed_at=now()))
    assert "Put it right" not in page()


def test_what_has_ended_and_is_not_closed_is_said_once(page):
    ended = a_departure_of("Bodegas", end_on=today("Europe/Madrid") - timedelta(days=15))
    added(Recovery(departure=a_departure_of("Óptica")))
    shown = page()
    assert shown.count("<strong>Bodegas</strong> has left: close the departure.") == 1
    assert "ended, still open: the closing" in shown
    assert f"/departures/{ended.public_id}" in shown
    assert "1 late" in shown
    assert shown.count("<strong>Óptica</strong>") == 1
    assert "ended, still open: what went wrong, the closing" in shown


def test_what_is_a_colleagues_stands_apart(page):
    colleague = a_member(name="Ana")
    added(Recovery(departure=a_departure_of("Óptica", responsible=colleague)))
    shown = page()
    assert "For your team" in shown
    assert shown.index("Nothing waits for you") < shown.index("Óptica")


def test_late_things_come_first(page, me):
    added(Recovery(departure=a_departure_of("Reciente", responsible=me)))
    late = a_departure_of("Antigua", responsible=me)
    added(Testimonial(departure=late, quote="x", language="es", submitted_at=now() - timedelta(9)))
    shown = page()
    assert shown.index("Antigua") < shown.index("Reciente")


def test_a_testimonial_to_read_leads_to_it(page):
    testimonial = added(Testimonial(departure=a_departure(), quote="Un lujo", language="es"))
    assert f"/testimonials/{testimonial.public_id}" in page()


def test_a_wish_to_talk_is_shown_with_the_name(page):
    a_talk_request(contact=a_contact(name="Lucía Peña"), asked_at=now() - timedelta(hours=3))
    assert "would like to talk: Lucía Peña waits for you" in page()


def test_a_departure_without_an_end_asks_for_one(page):
    departure = a_departure(end_on=None, notice_on=today("Europe/Madrid"))
    assert f"/departures/{departure.public_id}/edit" in page()


def test_who_stayed_after_all_needs_no_end_date(page):
    a_departure(end_on=None, stage=Stage.retained)
    assert "Add the end date" not in page()


@pytest.mark.parametrize("state", [MailState.failed, MailState.uncertain])
def test_mails_in_trouble_are_said(page, state):
    values = {"kind": MailKind.thank_you, "language": "es", "due_at": now(), "state": state}
    added(OutboxMessage(key="k", contact=a_contact(), **values))
    assert "1 mail needs you to decide" in page()


def test_trouble_with_the_mail_is_said_as_long_as_it_lasts(page):
    assert "Mails wait too long" not in page()
    mail = a_row(MailState.queued, due_at=ago(minutes=16))
    assert "Mails wait too long" in page()
    mail.state = MailState.sent
    assert "Mails wait too long" not in page()


def test_new_answers_are_shown_for_a_week(page):
    a_response(comment="Volveremos seguro")
    old = now() - timedelta(days=8)
    a_response(comment="Hace mucho", submitted_at=old)
    shown = page()
    assert "Volveremos seguro" in shown
    assert "Hace mucho" not in shown


def test_farewells_under_way_are_counted_when_nothing_waits(page):
    added(Enrolment(departure=a_departure(stage=Stage.closed)))
    assert "1 farewell is under way" in page()


def test_a_viewer_is_offered_nothing_that_a_viewer_may_not_do(client, session):
    a_company(language="en")
    logged_in(client, a_member(role=Role.viewer, language="en"))
    shown = client.get("/").text
    assert "sample data" not in shown
    assert "Record a departure" not in shown


def test_a_viewer_sees_a_departure_without_an_end_and_is_not_asked_to_edit_it(client, session):
    a_company(language="en")
    departure = a_departure(end_on=None)
    logged_in(client, a_member(role=Role.viewer, language="en"))
    shown = client.get("/").text
    assert f"/departures/{departure.public_id}" in shown
    assert "/edit" not in shown


def test_names_of_clients_are_words(page):
    added(Recovery(departure=a_departure_of("<script>alert(1)</script>")))
    shown = page()
    assert "<script>alert" not in shown
    assert "&lt;script&gt;" in shown
