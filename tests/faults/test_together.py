"""Two clocks and four workers at once: each step is written once and goes once."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from service.clock import today
from service.database import reading
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.models import MailState, OutboxMessage
from tests.builders import a_company, a_contact
from tests.faults.installs import an_install, reckon, states
from tests.mail.scripted_process import scripted_process

DEPARTURES = 30
# How many days pass, and how many steps of each departure have gone by then: one on a day.
ROUNDS = ((0, 1), (1, 2), (4, 3), (4, 4))


def record_all(end_on: date, count: int = DEPARTURES) -> None:
    """Record so many departures at once, as an import does."""
    a_company()
    for _ in range(count):
        departures.record(a_contact(), Facts(service="SEO", end_on=end_on))
    db.session.commit()


def times_written() -> list[int]:
    """Return how often each step of each departure is written down."""
    query = select(func.count(OutboxMessage.id))
    with reading():
        found = db.session.scalars(query.group_by(OutboxMessage.departure_id, OutboxMessage.step))
        times = list(found)
        db.session.rollback()
    return times


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_two_clocks_and_four_workers_do_each_step_once(settings):
    with scripted_process() as smtp, an_install(settings, smtp.port) as install:
        record_all(today("Europe/Madrid") - timedelta(days=1))
        install.tick(2)
        install.work(4)
        for days, steps in ROUNDS:
            install.wall.move(timedelta(days=days))
            count = steps * DEPARTURES
            install.until(
                lambda count=count: states()[MailState.sent] == count, f"{count} mails go"
            )
        assert set(times_written()) == {1}
        assert set(smtp.taken().values()) == {1}
        reckon(smtp, deaths=0)
