"""What a round asks the database: about what is due, never about all that there is."""

import pytest
import time_machine
from sqlalchemy import select, text, update

from service import scheduler
from service.extensions import db
from service.models import Invitation, MailState, OutboxMessage
from service.protocols import jobs as advancing
from tests.explaining import asked, plan_of
from tests.rounds import a_round
from tests.test_scheduler import THEN, some_departures

LARGE = {  # of 100,000 mails that all wait for their day, as ANALYZE writes it
    "ix_outbox_state_priority_due_at": "100000 100000 100000 1",
    "ix_outbox_state_ended_at": "100000 100000 100000",
    "ix_outbox_outcome_outcome_at": "100000 100000 100000",
    "ix_outbox_issue_id_state": "100000 100000 100000",
}


def let_all_be_sent() -> None:
    """Leave no mail waiting."""
    db.session.execute(update(OutboxMessage).values(state=MailState.sent))
    db.session.commit()


def statements_of_a_round() -> list[str]:
    """What a round asks, without the beginning of transactions."""
    with asked() as found:
        assert scheduler.tick() is not None
    return [statement for statement, _values in found if not statement.startswith("BEGIN")]


def test_a_round_with_nothing_to_do_asks_once_beside_its_lease(session):
    some_departures(3)
    with time_machine.travel(THEN, tick=False):
        a_round()
        let_all_be_sent()
        words = [statement.split()[0] for statement in statements_of_a_round()]

    assert words == ["INSERT", "SELECT"]


def test_a_round_asks_once_more_for_the_departures_that_are_due_however_many(session):
    for number in (2, 20):
        some_departures(number)
        with time_machine.travel(THEN, tick=False):
            words = [statement.split()[0] for statement in statements_of_a_round()]
        assert words == ["INSERT", "SELECT", "SELECT"]


def test_advancing_takes_the_same_few_statements_however_many_are_due(session):
    counts = []
    for number in (2, 20):
        some_departures(number)
        with time_machine.travel(THEN, tick=False), asked() as found:
            advancing.advance()
        counts.append(len(found))
        let_all_be_sent()

    assert counts[0] == counts[1] < 30
    assert len(db.session.scalars(select(OutboxMessage)).all()) == 44
    assert len(db.session.scalars(select(Invitation)).all()) == 22


def test_what_a_round_looks_for_is_looked_up_by_an_index(session):
    with asked() as found:
        scheduler.tick()
    question = next(pair for pair in found if "EXISTS" in pair[0])
    if db.engine.name == "sqlite":
        let_the_outbox_look_large()

    plan = plan_of(*question)
    assert "SCAN outbox" not in plan
    assert "Seq Scan on outbox" not in plan
    assert "ix_enrolments_state_next_at" in plan


@pytest.mark.parametrize("database", ["sqlite"])  # its statistics know averages alone
def test_mails_of_dead_workers_are_found_by_an_index_in_a_large_outbox(session, database):
    let_the_outbox_look_large()
    with asked() as found:
        scheduler.sweeper.sweep()
    sweep = next(pair for pair in found if "FROM outbox" in pair[0])

    assert "SCAN outbox" not in plan_of(*sweep)


def let_the_outbox_look_large() -> None:
    """Give SQLite's planner the statistics of a large outbox."""
    db.session.execute(text("ANALYZE"))
    db.session.execute(text("DELETE FROM sqlite_stat1"))
    for index, figures in LARGE.items():
        row = {"index": index, "figures": figures}
        db.session.execute(
            text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('outbox', :index, :figures)"),
            row,
        )
    db.session.execute(text("ANALYZE sqlite_schema"))
