"""The figures count what was answered, and name whose answer it was."""

from datetime import date

import pytest

from service.departures.queries.filters import DepartureFilters, first_of
from service.models import Reason, Testimonial
from service.results.queries import figures
from tests.builders import a_departure, a_response, added, an_invitation

MARCH = DepartureFilters(date(2026, 3, 1), date(2026, 3, 31))


def answered(end_on=date(2026, 3, 10), *, service="SEO", guessed=(), **answer):
    departure = a_departure(end_on=end_on, service=service, reasons=set(guessed))
    return a_response(invitation=an_invitation(departure=departure), **answer)


def test_figures_count_departures_invitations_and_answers(session):
    answered(score=10, satisfaction=5)
    answered(score=7, satisfaction=4)
    answered(score=3, satisfaction=2)
    an_invitation(departure=a_departure(end_on=date(2026, 3, 31)))
    a_departure(end_on=date(2026, 3, 1))
    whole = figures.summary(MARCH).whole
    assert (whole.departures, whole.invited, whole.answered) == (5, 4, 3)
    assert whole.response_rate.value == 75
    assert (whole.nps.promoters, whole.nps.passives, whole.nps.detractors) == (1, 1, 1)
    assert whole.csat.value == pytest.approx(66.67, abs=0.01)


def test_a_partial_response_counts_nowhere(session):
    answered(score=10, submitted_at=None, reasons={Reason.price}, valued_most="Todo")
    whole = figures.summary(MARCH).whole
    assert (whole.invited, whole.answered, whole.nps.n) == (1, 0, 0)
    assert figures.reasons(MARCH) == []
    assert figures.latest(MARCH) == []


def test_a_period_includes_its_first_and_its_last_day_and_one_service(session):
    for day in (date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 1)):
        answered(day)
    answered(service="Diseño web")
    assert figures.summary(MARCH).whole.departures == 3
    assert figures.summary(DepartureFilters(MARCH.since, MARCH.until, "SEO")).whole.departures == 2


def test_history_counts_in_the_results(session):
    a_departure(end_on=date(2026, 3, 5), is_history=True)
    assert figures.summary(MARCH).whole.departures == 1


def test_a_departure_without_an_end_counts_only_in_all_time(session):
    a_departure(end_on=None)
    assert figures.summary(DepartureFilters()).whole.departures == 1
    assert figures.summary(MARCH).whole.departures == 0


def test_the_trend_leaves_no_month_out(session):
    answered(date(2025, 12, 3), score=10)
    answered(date(2026, 2, 3), score=2)
    months = figures.summary(DepartureFilters()).months
    assert [month.first for month in months] == [
        date(2025, 12, 1),
        date(2026, 1, 1),
        date(2026, 2, 1),
    ]
    assert [month.tally.departures for month in months] == [1, 0, 1]


def test_reasons_of_the_team_and_of_clients_are_counted_side_by_side(session):
    answered(guessed={Reason.price}, reasons={Reason.customer_service})
    answered(guessed={Reason.price}, reasons={Reason.price, Reason.customer_service})
    answered(guessed={Reason.other})
    counts = {row.reason: row for row in figures.reasons(MARCH)}
    assert next(iter(counts)) is Reason.customer_service
    price, service = counts[Reason.price], counts[Reason.customer_service]
    assert (price.guessed, price.said, price.agreed) == (2, 1, 1)
    assert (service.guessed, service.said, service.agreed) == (0, 2, 0)
    assert counts[Reason.other].said == 0


def test_the_services_to_choose_from_do_not_shrink_by_choosing_one(session):
    answered(service="SEO")
    answered(service="Diseño web")
    assert figures.services(DepartureFilters(MARCH.since, MARCH.until, "SEO")) == [
        "Diseño web",
        "SEO",
    ]


def test_quotes_are_the_clients_words_newest_first(session):
    first = answered(valued_most="La paciencia", to_improve="")
    answered(valued_most="", to_improve="Los plazos")
    latest = answered(valued_most="El trato")
    assert [quote.valued_most for quote in figures.latest_valued(MARCH)] == [
        "El trato",
        "La paciencia",
    ]
    assert [quote.to_improve for quote in figures.latest_to_improve(MARCH)] == ["Los plazos"]
    quote = figures.latest(MARCH, limit=1)[0]
    assert (quote.departure, quote.client) == (
        latest.departure.public_id,
        latest.departure.client.name,
    )
    assert first.departure.public_id != quote.departure


def test_testimonials_wait_until_they_are_read(session):
    added(Testimonial(departure=a_departure(), quote="Un lujo", language="es"))
    waiting = figures.waiting_testimonials()
    assert waiting.count == 1
    assert waiting.oldest[0].quote == "Un lujo"


def test_the_last_twelve_months_begin_with_the_same_month_and_one(session):
    assert DepartureFilters.of_months(12, date(2026, 11, 22)).since == date(2025, 12, 1)
    assert first_of(date(2026, 1, 31), -1) == date(2025, 12, 1)
