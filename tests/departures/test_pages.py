"""Departures in the browser: record one, read it, change it, move it, list them."""

from datetime import date, timedelta

import pytest
from sqlalchemy import delete, func, select

from service.clock import now, today
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.mail import outbox
from service.mail.decision import Skip
from service.models import (
    Client,
    Contact,
    Departure,
    EnrolmentState,
    Invitation,
    MailKind,
    MailState,
    OutboxMessage,
    Reason,
    Recovery,
    Role,
    SkipReason,
    Stage,
)
from service.models.departures import Enrolment
from tests import builders
from tests.explaining import asked
from tests.pages import SEEN, send

TODAY = today("Europe/Madrid")
TYPED = {
    "client": "Bodegas Ruy Díaz",
    "contact_name": "Ana Pérez",
    "email": "ana@ruy.example",
    "language": "es",
    "service": "SEO",
    "end_on": TODAY.isoformat(),
}


@pytest.fixture
def marta(session):
    """A member of the team."""
    builders.a_company(language="en")
    return builders.a_member(role=Role.member, language="en")


@pytest.fixture
def page(client, marta):
    """A browser in which Marta is logged in."""
    return builders.logged_in(client, marta)


def typed(**more):
    """What somebody types into the form, and the press on the panel that follows."""
    return {
        **TYPED,
        **SEEN,
        "notice_on": TODAY.isoformat(),
        "sends_mails": "y",
        "responsible": "",
        **more,
    }


def the_only(model):
    """The one row of a table."""
    return db.session.scalars(select(model)).one()


def enrolled(**more):
    """A departure that ends today, on its protocol."""
    departure = departures.record(builders.a_contact(), Facts(end_on=TODAY, service="SEO", **more))
    db.session.commit()
    return departure


def test_a_departure_is_recorded_with_a_new_client_and_shows_what_comes(page):
    answer = send(page, "/departures/new", typed(reasons=["price", "in_house"]))

    departure = the_only(Departure)
    assert answer.status_code == 303
    assert (departure.client.name, departure.contact.email) == (
        "Bodegas Ruy Díaz",
        "ana@ruy.example",
    )
    assert departure.reasons == {Reason.price, Reason.in_house}
    shown = page.get(answer.location).text
    assert "Below you see which mails go out, and when." in shown
    assert "Thank-you" in shown
    assert "Survey" in shown


def test_the_form_begins_with_me_and_today(page, marta):
    shown = page.get("/departures/new").text

    assert f'value="{TODAY.isoformat()}"' in shown
    assert f'<option selected value="{marta.id}">' in shown


def test_a_known_client_needs_no_more_than_its_name(page):
    contact = builders.a_contact(client=builders.a_client(name="Bodegas Ruy Díaz"))
    db.session.commit()

    send(page, "/departures/new", typed(client="bodegas  ruy díaz", contact_name="", email=""))

    assert the_only(Departure).contact == contact
    assert the_only(Client).contacts == [contact]


def test_a_known_client_with_several_contacts_asks_whom(page):
    client = builders.a_client(name="Bodegas Ruy Díaz")
    for address in ("ana@ruy.example", "luis@ruy.example"):
        builders.a_contact(client=client, email=address)
    db.session.commit()

    answer = send(page, "/departures/new", typed(contact_name="", email=""))

    assert answer.status_code == 422
    assert "ana@ruy.example, luis@ruy.example" in answer.text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"client": ""}, "Write the name of the client."),
        ({"email": "ñ@"}, "That is no email address."),
        ({"email": ""}, "Write the address of the person who gets the mails."),
        ({"contact_name": ""}, "Write the name of the person."),
        ({"end_on": "31/02/2026"}, "31/02/2026 is not in the calendar."),
        ({"end_on": "next week"}, "Write a day such as 22/11/2026."),
        ({"end_on": "2026-11-22T10:00"}, "Write a day such as 22/11/2026."),
        ({"end_on": "01/01/1026"}, "Is the year right?"),
        ({"end_on": (TODAY - timedelta(1)).isoformat()}, "cannot be earlier than the notice"),
        ({"notice_on": (TODAY + timedelta(1)).isoformat()}, "That day is yet to come."),
        ({"monthly_value": "NaN"}, "Write a number such as 1200"),
        ({"monthly_value": "-1"}, "It has to be between 0"),
        ({"reasons": "boredom"}, "not a valid choice"),
        ({"client": "x" * 201}, "Shorten it to 200 characters."),
        ({"notes": "😀" * 20_001}, "Shorten it to 20,000 characters."),
    ],
)
def test_what_cannot_be_is_said_and_nothing_typed_is_lost(page, wrong, sentence):
    answer = send(page, "/departures/new", typed(**{"service": "Marketing ✨", **wrong}))

    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Marketing ✨" in answer.text
    assert all(not value or value in answer.text for value in wrong.values())
    assert db.session.scalar(select(func.count()).select_from(Client)) == 0


def test_a_language_that_is_not_offered_is_refused(page):
    assert send(page, "/departures/new", typed(language="klingon")).status_code == 422


def test_ten_kilobytes_of_emoji_are_kept_as_they_are(page):
    notes = "👋🏽 adiós " * 1200
    send(page, "/departures/new", typed(notes=notes))

    assert the_only(Departure).notes == notes.strip()


def test_odd_names_are_kept_and_run_nothing(page):
    name = "<script>alert(1)</script> ‮Ñandú\u200b & Co"
    answer = send(page, "/departures/new", typed(client=name))

    assert the_only(Client).name == name
    assert "<script>alert(1)" not in page.get(answer.location).text


def test_pressing_twice_records_one(page):
    first = send(page, "/departures/new", typed())
    second = send(page, "/departures/new", typed())

    assert the_only(Departure)
    assert second.location == first.location
    assert "already recorded" in page.get(second.location).text


def test_what_ended_long_ago_is_history_until_the_mails_are_started(page):
    long_ago = date(2020, 1, 1).isoformat()
    answer = send(page, "/departures/new", typed(notice_on="", end_on=long_ago))

    assert the_only(Departure).is_history
    assert "Recorded as history" in page.get(answer.location).text
    send(page, f"{answer.location}/protocol/resume", SEEN, page=answer.location)
    assert the_only(Enrolment).state is EnrolmentState.active


def test_without_the_mails_nothing_goes_out(page):
    values = typed()
    del values["sends_mails"]
    answer = send(page, "/departures/new", values)

    assert the_only(Enrolment).state is EnrolmentState.stopped
    assert "No mail goes out." in page.get(answer.location).text


def test_the_page_shows_facts_the_guess_beside_the_answer_and_what_comes(page):
    departure = enrolled(reasons=frozenset({Reason.price}))
    invitation = builders.an_invitation(departure=departure)
    builders.a_response(
        invitation=invitation, reasons={Reason.customer_service}, to_improve="Call <b>back</b>"
    )
    builders.added(Recovery(departure=departure))
    db.session.commit()

    shown = page.get(f"/departures/{departure.public_id}").text

    assert "Call &lt;b&gt;back&lt;/b&gt;" in shown
    assert "Customer service" in shown
    assert "Price" in shown
    assert "Something went wrong: put it right" in shown


def test_a_departure_is_changed_and_the_mails_follow(page):
    departure = enrolled()
    there = f"/departures/{departure.public_id}/edit"
    later = TODAY + timedelta(days=40)
    values = {
        "contact": departure.contact.public_id,
        "notice_on": TODAY.isoformat(),
        "end_on": later.isoformat(),
        "monthly_value": "1.200,50",
        "was": departures.seen(departure),
    }
    answer = send(page, there, values)

    assert answer.status_code == 303
    changed = the_only(Departure)
    assert (changed.end_on, str(changed.monthly_value)) == (later, "1200.50")
    assert "end date" in page.get(answer.location).text


def test_who_saves_second_is_told_and_keeps_what_they_typed(page, marta):
    departure = enrolled()
    there = f"/departures/{departure.public_id}/edit"
    values = {
        "contact": departure.contact.public_id,
        "notice_on": TODAY.isoformat(),
        "notes": "my own words",
        "was": departures.seen(departure),
    }
    departures.change(departure, {"notes": "somebody else's"}, by=marta)
    db.session.commit()

    answer = send(page, there, values)

    assert answer.status_code == 409
    assert "my own words" in answer.text
    assert "meanwhile" in answer.text
    assert the_only(Departure).notes == "somebody else's"
    values["was"] = departures.seen(the_only(Departure))
    assert values["was"] in answer.text
    assert send(page, there, values).status_code == 303
    assert the_only(Departure).notes == "my own words"


def test_who_moves_it_second_is_told(page):
    departure = enrolled()
    there = f"/departures/{departure.public_id}"
    send(page, f"{there}/stage", {"stage": "handover", "was": "notice", **SEEN}, page=there)
    values = {"stage": "retained", "was": "notice"}
    answer = send(page, f"{there}/stage", values, page=there)

    assert the_only(Departure).stage is Stage.handover
    assert answer.status_code == 409
    assert "Somebody of your team was faster" in answer.text
    assert '<option value="retained" selected>' in answer.text


def test_a_client_who_stays_gets_no_farewell_and_one_who_goes_after_all_does(page):
    departure = enrolled()
    there = f"/departures/{departure.public_id}"
    send(page, f"{there}/stage", {"stage": "retained", "was": "notice"}, page=there)
    assert the_only(Enrolment).state is EnrolmentState.stopped
    assert "They stayed after all." in page.get(there).text

    send(page, f"{there}/stage", {"stage": "notice", "was": "retained", **SEEN}, page=there)
    assert the_only(Enrolment).state is EnrolmentState.active


def test_one_mail_is_sent_by_hand_skipped_and_put_back(page):
    departure = enrolled()
    there = f"/departures/{departure.public_id}"

    send(page, f"{there}/steps/thank_you/skip", page=there)
    assert the_only(OutboxMessage).skip_reason is SkipReason.by_provider
    send(page, f"{there}/steps/thank_you/put-back", page=there)
    assert db.session.scalars(select(OutboxMessage)).all() == []
    send(page, f"{there}/steps/thank_you/send", page=there)
    assert the_only(OutboxMessage).state is MailState.queued
    send(page, f"{there}/steps/thank_you/send", page=there)
    assert "Somebody of your team was faster." in page.get(there).text
    assert the_only(OutboxMessage)


def test_a_mail_that_may_not_go_says_why(page):
    departure = enrolled()
    there = f"/departures/{departure.public_id}"
    answer = send(page, f"{there}/steps/testimonial_request/send", page=there)

    assert answer.status_code == 303
    assert "They did not answer the survey." in page.get(there).text


def test_nothing_that_reached_the_client_can_be_deleted(page):
    departure = enrolled()
    there = f"/departures/{departure.public_id}"
    assert "Delete the departure" in page.get(there).text
    send(page, f"{there}/steps/thank_you/send", page=there)
    mail = the_only(OutboxMessage)
    mail.state, mail.ended_at = MailState.sent, now()
    db.session.commit()

    assert "Delete the departure" not in page.get(there).text
    send(page, f"{there}/delete", page=there)
    assert the_only(Departure)


def test_a_slip_is_taken_back_with_all_that_hangs_on_it(page):
    departure = enrolled()
    there = f"/departures/{departure.public_id}"
    answer = send(page, f"{there}/delete", page=there)

    assert answer.location == "/departures"
    for model in (Departure, Enrolment, OutboxMessage, Invitation):
        assert db.session.scalars(select(model)).all() == []
    assert the_only(Contact)


@pytest.mark.parametrize(
    "path", ["", "/edit", "/stage", "/delete", "/steps/thank_you/send", "/protocol/stop"]
)
def test_a_departure_that_is_not_there_is_a_kind_404(page, path):
    answer = page.get(f"/departures/nothing{path}")
    assert answer.status_code in (404, 405)


def test_viewers_read_and_change_nothing(client, session):
    departure = enrolled()
    reader = builders.logged_in(client, builders.a_member(role=Role.viewer))
    there = f"/departures/{departure.public_id}"

    assert reader.get("/departures").status_code == 200
    shown = reader.get(there)
    assert shown.status_code == 200
    assert "<form" not in shown.text.split("<main")[1].split("</main>")[0]
    for path in ("/edit", "/stage", "/delete", "/steps/thank_you/send", "/protocol/stop"):
        assert reader.post(there + path).status_code in (400, 403)
    assert reader.get("/departures/new").status_code == 403


def test_each_mail_of_the_past_says_why_and_asks_nothing_of_its_own(page, marta):
    departure = departures.record(builders.a_contact(name="Ana Gil"), Facts(service="SEO"))

    def with_rows(how_many: int) -> int:
        for number in range(how_many):
            outbox.write(
                MailKind.own_text,
                departure.contact,
                subject="departure",
                step=f"own_text-{number}",
                cycle=how_many,
                departure=departure,
                refused=Skip(SkipReason.closed),
            )
        db.session.commit()
        with asked() as statements:
            shown = page.get(f"/departures/{departure.public_id}").text
        assert shown.count("Why did Ana not get this?") == how_many
        return len(statements)

    few = with_rows(2)
    db.session.execute(delete(OutboxMessage))
    assert with_rows(12) <= few
