"""The return rate: who came back of those we wrote to after they left."""

from datetime import date, timedelta

import pytest

from service.clock import now, today
from service.departures.queries import returns
from service.departures.queries.filters import DepartureFilters
from service.models import MailKind, MailState, OutboxMessage, Return, ReturnReason, Stage
from tests.builders import (
    a_client,
    a_company,
    a_contact,
    a_departure,
    added,
    an_invitation,
)

ALL = DepartureFilters()
TODAY = today("Europe/Madrid")


@pytest.fixture(autouse=True)
def company(session):
    return a_company()


def written_to(departure, kind=MailKind.survey_invitation, state=MailState.sent, **more):
    values = {"due_at": now(), "language": "es", "contact": departure.contact}
    return added(
        OutboxMessage(key=f"{kind}{departure.id}", kind=kind, state=state, **values, **more)
    )


def rate(filters=ALL):
    found = returns.rate(filters, TODAY)
    return found.share.part, found.share.n, found.by_themselves


def test_nobody_is_no_rate(session):
    assert rate() == (0, 0, 0)
    assert returns.rate(ALL, TODAY).share.value is None


def test_it_counts_who_came_back_of_those_contacted(session):
    for stage in (Stage.closed, Stage.closed, Stage.returned):
        an_invitation(departure=a_departure(stage=stage))
    written_to(a_departure(stage=Stage.returned), MailKind.testimonial_request)
    a_departure(stage=Stage.closed)  # nobody wrote
    assert rate() == (2, 4, 0)
    assert returns.rate(ALL, TODAY).share.value == 50


def test_who_came_back_without_a_word_of_ours_is_told_apart(session):
    an_invitation(departure=a_departure())
    a_departure(stage=Stage.returned)
    assert rate() == (0, 1, 1)


def test_mails_that_were_owed_or_never_went_are_no_contact(session):
    written_to(a_departure(), MailKind.thank_you)
    written_to(a_departure(), state=MailState.skipped)
    written_to(a_departure(), created_at=now() - timedelta(days=400))  # before they left
    assert rate() == (0, 0, 0)


def test_a_client_counts_once_however_many_services_ended(session):
    contact = a_contact(client=a_client())
    for stage in (Stage.closed, Stage.returned):
        an_invitation(departure=a_departure(contact=contact, stage=stage))
    assert rate() == (1, 1, 0)


def test_who_stayed_or_has_not_left_yet_is_no_former_client(session):
    an_invitation(departure=a_departure(stage=Stage.retained))
    an_invitation(departure=a_departure(end_on=TODAY + timedelta(days=9)))
    an_invitation(departure=a_departure(end_on=None))
    assert rate() == (0, 0, 0)


def test_the_window_holds_for_all_figures(session):
    old = a_departure(
        stage=Stage.returned, end_on=date(2020, 5, 1), notice_on=date(2020, 4, 1), service="Web"
    )
    an_invitation(departure=old)
    added(a_return(old))
    since = DepartureFilters(since=date(2026, 1, 1))
    assert rate(since) == (0, 0, 0)
    assert returns.what_led(since) == ([], [])
    assert returns.page(since, "", "", 1).count == 0
    assert rate(DepartureFilters(service="Web")) == (1, 1, 0)


def a_return(departure, reason=ReturnReason.our_contact, **more):
    values = {"returned_on": TODAY, "was": Stage.closed, "reason": reason}
    return Return(departure=departure, **{**values, **more})


def test_what_led_to_returns_is_counted_by_reason_and_by_mail(session):
    for reason, kind in (
        (ReturnReason.our_contact, MailKind.survey_invitation),
        (ReturnReason.our_contact, None),
        (ReturnReason.own_need, None),
    ):
        added(a_return(a_departure(stage=Stage.returned), reason, mail_kind=kind))
    by_reason, by_mail = returns.what_led(ALL)
    assert [(row.led, row.count) for row in by_reason] == [("our_contact", 2), ("own_need", 1)]
    assert [(row.led, row.count) for row in by_mail] == [("survey_invitation", 1), ("untold", 2)]
    assert returns.page(ALL, "our_contact", "untold", 1).count == 1
    assert returns.page(ALL, "", "survey_invitation", 1).count == 1
