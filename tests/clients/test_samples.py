"""Sample data can be looked at, is never mailed, and leaves without a trace."""

from sqlalchemy import func, select

from service.clients.actions import samples
from service.extensions import db
from service.models import (
    Client,
    Departure,
    Enrolment,
    OutboxMessage,
    Response,
    Return,
    Stage,
    TalkRequest,
    Testimonial,
)
from tests.builders import a_company, a_departure, a_response


def counts() -> dict[str, int]:
    return {
        table.name: db.session.scalar(select(func.count()).select_from(table))
        for table in db.metadata.sorted_tables
    }


def test_sample_data_covers_a_year_and_every_part_of_the_results(session):
    a_company()
    assert samples.create("es") >= 15
    ends = session.scalars(select(Departure.end_on)).all()
    assert (max(ends) - min(ends)).days > 300
    scores = set(session.scalars(select(Response.score)))
    assert scores & {9, 10}
    assert scores & {7, 8}
    assert scores & set(range(7))
    assert len({t.state for t in session.scalars(select(Testimonial))}) == 2


def test_sample_data_is_the_same_each_time(session):
    a_company()
    samples.create("en")
    columns = (Client.name, Departure.end_on, Departure.notice_on, Departure.monthly_value)
    query = select(*columns).join_from(Departure, Client).order_by(Client.name)
    first = session.execute(query).all()
    samples.remove()
    samples.create("en")
    assert session.execute(query).all() == first


def test_sample_data_is_not_enrolled_and_owes_no_mail(session):
    a_company()
    samples.create("es")
    assert session.scalars(select(Enrolment)).all() == []
    assert session.scalars(select(OutboxMessage)).all() == []


def test_asking_twice_adds_nothing(session):
    a_company()
    samples.create("es")
    before = counts()
    assert samples.create("en") == 0
    assert counts() == before


def test_removing_sample_data_leaves_exactly_what_was_there_before(session):
    a_company()
    a_response()
    a_departure()
    session.flush()
    before = counts()
    samples.create("es")
    assert counts() != before
    samples.remove()
    assert counts() == before


def test_sample_data_shows_a_return_and_somebody_who_would_like_to_talk(session):
    a_company()
    samples.create("es")
    assert session.scalars(select(Return)).all()
    assert {row.departure.stage for row in session.scalars(select(Return))} == {Stage.returned}
    assert session.scalars(select(TalkRequest)).one().message
