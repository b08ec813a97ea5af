"""A departure is closed when nothing is open in it, and its stage says what is so."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Event as Signal

import pytest
import time_machine
from sqlalchemy import select

from service.clock import now, today
from service.departures.actions import departures, recoveries, returns
from service.departures.actions.departures import Facts
from service.departures.rules import OpenThing, still_open
from service.errors import Refused
from service.extensions import db
from service.mail.delivery import delivery
from service.models import (
    Departure,
    MailKind,
    MailState,
    OutboxMessage,
    Recovery,
    Return,
    ReturnReason,
    Role,
    SkipReason,
    Stage,
    TeamMember,
)
from service.protocols.actions import progress
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


def failing(**more) -> Departure:
    """A departure in which something failed that nobody has put right yet."""
    departure = builders.a_departure(**more)
    builders.added(Recovery(departure=departure))
    db.session.commit()
    return departure


def stage_of(departure: Departure) -> Stage:
    db.session.rollback()
    return db.session.scalars(select(Departure.stage).where(Departure.id == departure.id)).one()


def close(departure: Departure, by) -> None:
    departures.move(departure, Stage.closed, was=departure.stage, by=by)


def put_right(departure: Departure, by) -> None:
    recovery = db.session.scalars(select(Recovery)).one()
    recoveries.close(recovery, is_resolved=True, note="Done.", by=by)


def test_it_is_closed_once_what_went_wrong_is_put_right(marta):
    departure = failing(stage=Stage.handover)
    with pytest.raises(Refused, match="while something is open in it: what went wrong"):
        close(departure, marta)
    assert stage_of(departure) is Stage.handover

    put_right(departure, marta)
    close(departure, marta)
    db.session.commit()
    assert stage_of(departure) is Stage.closed


@once
def test_instead_of_closing_it_the_page_says_what_to_do_first(page):
    departure = failing()
    shown = page.get(f"/departures/{departure.public_id}").text
    assert '<option value="closed"' not in shown
    assert '<option value="handover"' in shown
    assert "It can be closed when nothing is open any more." in shown
    assert f'<a href="/recoveries/{departure.public_id}">Put right what went wrong</a>' in shown


@once
def test_who_closes_it_on_an_old_page_is_told_what_is_open_and_keeps_the_choice(page):
    departure = failing()
    there = f"/departures/{departure.public_id}"
    answer = send(page, f"{there}/stage", {"stage": "closed", "was": "notice"}, page=there)
    assert answer.status_code == 409
    assert "It cannot be closed while something is open in it: what went wrong." in answer.text
    assert '<option value="closed" selected>' in answer.text
    assert f'href="/recoveries/{departure.public_id}"' in answer.text
    assert stage_of(departure) is Stage.notice


def test_who_closes_it_while_something_opens_waits_and_is_refused(app, marta):
    departure = builders.a_departure()
    db.session.commit()
    number, member, is_asking = departure.id, marta.id, Signal()
    db.session.rollback()

    def closing() -> str:
        with app.app_context():
            is_asking.set()
            try:
                by = db.session.get_one(TeamMember, member)
                close(db.session.get_one(Departure, number), by)
                db.session.commit()
            except Refused as refusal:
                return str(refusal)
            finally:
                db.session.rollback()
            return ""

    with ThreadPoolExecutor(1) as other:
        recoveries.open_in(db.session.get_one(Departure, number))
        db.session.flush()
        refusal = other.submit(closing)
        is_asking.wait()
        with pytest.raises(TimeoutError):  # it waits for what is not committed yet
            refusal.result(timeout=0.4)
        db.session.commit()
        assert "what went wrong" in refusal.result()
    assert stage_of(departure) is Stage.notice


def test_history_begins_closed_because_nothing_can_be_open_in_it(marta):
    facts = Facts(notice_on=date(2020, 1, 1), end_on=date(2020, 2, 1))
    departure = departures.record(builders.a_contact(), facts)
    assert (departure.stage, departure.is_history) == (Stage.closed, True)


@pytest.mark.parametrize(("before", "may"), [(Stage.closed, True), (Stage.handover, False)])
def test_a_return_taken_back_closes_only_what_was_closed(marta, before, may):
    departure = failing(stage=before)
    facts = returns.Facts(TODAY, ReturnReason.other)
    returns.record(departure, facts, was=before, by=marta, sends_thanks=False)
    if may:
        returns.take_back(departure, Stage.closed, by=marta)
        assert departure.stage is Stage.closed
    else:
        with pytest.raises(Refused, match="while something is open"):
            returns.take_back(departure, Stage.closed, by=marta)
    assert db.session.scalars(select(Return)).first() is None or not may


def letter() -> OutboxMessage | None:
    return db.session.scalar(
        select(OutboxMessage).where(OutboxMessage.kind == MailKind.closing_letter)
    )


def test_what_fails_after_the_closing_holds_the_letter_back_until_it_is_put_right(marta, mailbox):
    start = datetime(2026, 11, 24, 11, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock:
        departure = departures.record(builders.a_contact(), Facts(end_on=date(2026, 11, 24)))
        close(departure, marta)
        progress.advance_one(departure)
        recoveries.open_in(departure)  # before the letter is claimed
        db.session.commit()
        delivery.deliver([letter().id])
        db.session.expire_all()
        assert letter().skip_reason is SkipReason.recovery_open
        assert stage_of(departure) is Stage.closed

        clock.move_to(start + timedelta(days=30))  # longer than a letter that is only late may wait
        put_right(departure, marta)
        progress.advance_one(departure)
        db.session.commit()
        delivery.deliver([letter().id])
    db.session.expire_all()
    assert letter().state is MailState.sent
    assert [mail.rcpt_tos for mail in mailbox.messages()] == [[departure.contact.email]]


@once
def test_a_closed_departure_in_which_something_failed_says_that_it_stays_closed(page):
    departure = failing(stage=Stage.closed, closed_at=now())
    shown = page.get(f"/departures/{departure.public_id}").text
    assert "The departure itself stays closed." in shown
    assert "It stays closed. What is still open goes on:" in shown
    assert "still open: what went wrong" in shown
    assert "ended, still open" not in shown


RECOVERY, CLOSING = OpenThing.recovery, OpenThing.closing


@pytest.mark.parametrize(
    ("stage", "end_on", "is_failing", "found"),
    [
        (Stage.notice, date(2026, 11, 23), False, [CLOSING]),
        (Stage.handover, date(2026, 11, 23), True, [RECOVERY, CLOSING]),
        (Stage.handover, date(2026, 11, 24), True, []),  # the last day is still theirs
        (Stage.handover, None, True, []),
        (Stage.closed, date(2026, 11, 23), False, []),
        (Stage.closed, date(2026, 11, 30), True, [RECOVERY]),
        (Stage.retained, date(2026, 11, 23), True, []),
        (Stage.returned, date(2026, 11, 23), True, []),
    ],
)
def test_what_is_still_open_follows_from_stage_end_date_and_recovery(
    stage, end_on, is_failing, found
):
    departure = Departure(stage=stage, end_on=end_on)
    departure.recovery = Recovery() if is_failing else None
    assert still_open(departure, date(2026, 11, 24)) == found


PAGES = ("/departures", "/departures/{0}", "/clients", "/clients/{1}", "/")


@once
@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "ended, still open: the closing"), ("es", "terminada, aún abierto: el cierre")],
)
def test_past_its_end_by_the_companys_clock_it_reads_so_wherever_it_is_shown(
    client, session, language, words
):
    builders.a_company(time_zone="Europe/Madrid")
    member = builders.a_member(language=language)
    departure = builders.a_departure(notice_on=date(2026, 11, 1), end_on=date(2026, 11, 24))
    paths = [path.format(departure.public_id, departure.client.public_id) for path in PAGES]
    with time_machine.travel(datetime(2026, 11, 24, 22, 59, tzinfo=UTC), tick=False) as clock:
        page = builders.logged_in(client, member)  # commits
        assert [path for path in paths if words in page.get(path).text] == []
        clock.shift(timedelta(minutes=1))  # midnight in Madrid
        assert [path for path in paths if words not in page.get(path).text] == []
