"""Who came back: recorded with what led to it, thanked, corrected, taken back."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from service.clock import now
from service.departures.actions import departures as recording
from service.departures.actions.departures import Facts
from service.extensions import db
from service.mail.rendering.rendering import render
from service.models import (
    Departure,
    EnrolmentState,
    Event,
    EventKind,
    MailKind,
    MailState,
    OutboxMessage,
    Return,
    ReturnReason,
    Role,
    SkipReason,
    Stage,
    TalkRequest,
)
from service.protocols.actions import progress
from tests import builders
from tests.mail.mails import in_octets, parsed, text_of
from tests.pages import SEEN, send


@pytest.fixture
def me(session):
    builders.a_company(language="en")
    return builders.a_member(role=Role.member, language="en", name="Marta Ruiz")


@pytest.fixture
def page(client, me):
    """A browser in which a member of the team is logged in."""
    return builders.logged_in(client, me)


@pytest.fixture
def departure(page, me) -> Departure:
    """One that goes its way: its first mail waits for its day."""
    contact = builders.a_contact(client=builders.a_client(name="Bodegas"), language="es")
    made = recording.record(
        contact, Facts(service="SEO", notice_on=date(2026, 1, 10), responsible=me), by=me
    )
    db.session.commit()
    return made


def path(departure: Departure) -> str:
    return f"/departures/{departure.public_id}/return"


def back(page, departure, **more):
    """Say that they are back, and read the rows anew."""
    values = {
        "returned_on": "2026-11-20",
        "service": "Web",
        "reason": "our_contact",
        "was": departure.stage.value,
        "sends_thanks": "y",
        **more,
    }
    answer = send(page, path(departure), {k: v for k, v in values.items() if v is not None})
    db.session.refresh(departure)
    return answer


def the_return():
    return db.session.scalar(select(Return).execution_options(populate_existing=True))


def thanks():
    query = select(OutboxMessage).where(OutboxMessage.kind == MailKind.welcome_back)
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def a_sent_mail(departure, kind=MailKind.survey_invitation, **more):
    values = {"due_at": now(), "ended_at": now(), "state": MailState.sent, "language": "es"}
    values |= {"contact": departure.contact, "departure": departure, "step": kind.value}
    return builders.added(OutboxMessage(key=f"{kind}{departure.id}", kind=kind, **values, **more))


def test_a_return_ends_the_farewell_and_remembers_what_led_to_it(page, departure, me):
    progress.advance_one(departure)
    mail = a_sent_mail(departure)
    db.session.commit()
    assert (
        back(page, departure, mail=mail.public_id, note="Los echamos de menos").status_code == 303
    )
    row = the_return()
    assert departure.stage is Stage.returned
    assert (row.returned_on, row.service) == (date(2026, 11, 20), "Web")
    assert (row.reason, row.note) == (ReturnReason.our_contact, "Los echamos de menos")
    assert (row.outbox_id, row.mail_kind, row.step) == (mail.id, mail.kind, mail.step)
    assert (row.provider_id, row.was) == (me.id, Stage.notice)
    assert progress.locked(departure).enrolment.state is EnrolmentState.stopped
    query = select(OutboxMessage).where(OutboxMessage.kind == MailKind.thank_you)
    assert db.session.scalars(query).one().skip_reason is SkipReason.returned
    kinds = list(db.session.scalars(select(Event.kind).order_by(Event.id)))
    assert kinds[-2:] == [EventKind.stage_changed, EventKind.came_back]
    shown = page.get(f"/departures/{departure.public_id}").text
    for words in ("They came back", "We had kept in touch", "Los echamos de menos"):
        assert words in shown


def test_they_are_thanked_in_their_language_in_the_name_of_the_responsible(page, departure):
    back(page, departure)
    (mail,) = thanks()
    assert mail.due_at - now() > timedelta(minutes=9)
    assert mail.language == "es"
    sent = parsed(in_octets(render(mail)))
    assert "Marta Ruiz" in str(sent["From"])
    assert sent["List-Unsubscribe"] is None
    assert "http" not in text_of(sent).partition("-- ")[0]  # thanks, and nothing to press


def test_without_the_tick_nobody_is_thanked(page, departure):
    back(page, departure, sends_thanks=None)
    assert departure.stage is Stage.returned
    assert thanks() == []


def test_a_sample_is_never_thanked(page, departure):
    departure.client.is_sample = True
    db.session.commit()
    back(page, departure)
    assert [mail.skip_reason for mail in thanks()] == [SkipReason.sample]


def test_undone_it_stands_where_it_stood_and_no_thanks_go(page, departure):
    back(page, departure)
    send(page, path(departure) + "/undo", SEEN, page=f"/departures/{departure.public_id}")
    db.session.refresh(departure)
    assert departure.stage is Stage.notice
    assert the_return() is None
    assert [mail.state for mail in thanks()] == [MailState.cancelled]
    assert progress.locked(departure).enrolment.state is EnrolmentState.active


def test_undone_too_late_says_that_the_thanks_had_gone(page, departure):
    back(page, departure)
    thanks()[0].state = MailState.sent
    db.session.commit()
    there = f"/departures/{departure.public_id}"
    send(page, path(departure) + "/undo", SEEN, page=there)
    assert "the thanks had gone already" in page.get(there).text
    assert [mail.state for mail in thanks()] == [MailState.sent]


def test_back_again_after_an_undo_is_thanked_again(page, departure):
    back(page, departure)
    send(page, path(departure) + "/undo", SEEN, page=f"/departures/{departure.public_id}")
    db.session.refresh(departure)
    back(page, departure)
    assert sorted(mail.state for mail in thanks()) == [MailState.cancelled, MailState.queued]


def test_the_list_of_stages_asks_what_led_to_it_and_changes_nothing_yet(page, departure):
    there = f"/departures/{departure.public_id}"
    answer = send(page, f"{there}/stage", {"stage": "returned", "was": "notice"}, page=there)
    assert answer.location.endswith("/return")
    db.session.refresh(departure)
    assert departure.stage is Stage.notice


def test_the_list_of_stages_takes_a_return_back_too(page, departure):
    back(page, departure)
    there = f"/departures/{departure.public_id}"
    send(page, f"{there}/stage", {"stage": "handover", "was": "returned", **SEEN}, page=there)
    db.session.refresh(departure)
    assert departure.stage is Stage.handover
    assert the_return() is None
    assert [mail.state for mail in thanks()] == [MailState.cancelled]


def test_what_is_known_can_be_corrected_without_a_second_mail(page, departure):
    back(page, departure)
    back(page, departure, reason="own_need", service="", was="returned")
    assert (the_return().reason, the_return().service) == (ReturnReason.own_need, "")
    assert len(thanks()) == 1


def test_of_two_who_mark_it_at_once_the_second_is_told(page, departure):
    page.get(path(departure))
    departure.stage = Stage.retained
    db.session.commit()
    there = f"/departures/{departure.public_id}"
    answer = back(page, departure, was="notice")
    assert answer.location.endswith(there)
    assert "was faster" in page.get(there).text
    assert the_return() is None
    assert thanks() == []


def test_the_mail_of_the_last_conversation_is_proposed(page, departure):
    a_sent_mail(departure)
    led = a_sent_mail(departure, MailKind.survey_reminder_1)
    builders.added(
        TalkRequest(
            contact=departure.contact,
            departure=departure,
            outbox_id=led.id,
            asked_on=date(2026, 11, 1),
            asked_at=now(),
            changed_at=now(),
        )
    )
    db.session.commit()
    assert f'selected value="{led.public_id}"' in page.get(path(departure)).text


@pytest.mark.parametrize(
    "wrong",
    [
        {"returned_on": ""},
        {"returned_on": "2026-01-09"},  # before they gave notice
        {"reason": None},
        {"reason": "luck"},
        {"mail": "of-somebody-else"},
        {"service": "x" * 201},
    ],
)
def test_what_cannot_be_is_refused(page, departure, wrong):
    answer = back(page, departure, **wrong)
    assert answer.status_code == 422
    assert departure.stage is Stage.notice
    assert thanks() == []


def test_a_mail_to_somebody_else_cannot_have_led_to_it(page, departure):
    other = a_sent_mail(builders.a_departure())
    db.session.commit()
    assert back(page, departure, mail=other.public_id).status_code == 422


@pytest.mark.parametrize("note", ["<script>alert(1)</script>", "‮olleh", "ñ😀"])
def test_hostile_words_are_shown_as_words(page, departure, note):
    back(page, departure, note=note, service=note)
    for there in (f"/departures/{departure.public_id}", "/returns?period=all", "/results"):
        assert "<script>alert" not in page.get(there).text


def test_the_page_of_returns_lists_and_narrows_them(page, departure):
    assert "Nobody has come back yet" in page.get("/returns?period=all").text
    back(page, departure)
    assert "Bodegas" in page.get("/returns?period=all").text
    assert "Bodegas" in page.get("/returns?period=all&reason=our_contact&led=untold").text
    assert "Bodegas" not in page.get("/returns?period=all&reason=own_need").text
    assert "Bodegas" in page.get("/returns?period=all&reason=nonsense&led=x").text


def test_a_return_of_which_nothing_is_known_can_be_filled_in(page, departure):
    """As the stage alone told it before."""
    departure.stage = Stage.returned
    db.session.commit()
    there = f"/departures/{departure.public_id}"
    assert "Nobody has written down yet" in page.get(there).text
    back(page, departure, sends_thanks=None)
    assert the_return().reason is ReturnReason.our_contact
    send(page, path(departure) + "/undo", SEEN, page=there)
    db.session.refresh(departure)
    assert departure.stage is Stage.closed


def test_a_second_undo_is_told_and_changes_nothing(page, departure):
    back(page, departure)
    there = f"/departures/{departure.public_id}"
    for _ in range(2):
        send(page, path(departure) + "/undo", SEEN, page=there)
    db.session.refresh(departure)
    assert departure.stage is Stage.notice
    assert "was faster" in page.get(there).text
