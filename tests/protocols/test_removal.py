"""A protocol deleted while departures are in it: they finish on it, go on with another, or stop."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from sqlalchemy import select

from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.errors import Refused
from service.extensions import db
from service.models import EnrolmentState, Event, EventKind, OutboxMessage, SkipReason
from service.protocols.actions import editing, progress
from service.protocols.actions.editing import Fate
from service.protocols.queries import protocols
from service.protocols.rules.built_ins import BUILT_INS, SURVEY, THANK_YOU
from tests.builders import a_company, a_contact, a_member, a_protocol


@pytest.fixture
def leaving(session):
    """A departure in a protocol that is not the default, its thank-you written; 3 November."""
    a_company()
    with time_machine.travel("2026-11-02T12:00:00Z", tick=False) as clock:
        a_protocol(name="El de siempre", is_default=True, steps=BUILT_INS["short"])
        a_protocol(name="SEO", services="SEO", steps=(THANK_YOU,), position=1)
        departure = departures.record(
            a_contact(), Facts(service="SEO", end_on=date(2026, 11, 20)), by=a_member()
        )
        db.session.flush()
        clock.move_to("2026-11-03T12:00:00Z")
        progress.advance_one(departure)
        departure.clock = clock
        db.session.commit()
        yield departure


def the_two():
    default, seo = protocols.choices()
    return default, seo


def steps_of(departure) -> list[tuple[str, SkipReason | None]]:
    query = select(OutboxMessage).where(OutboxMessage.departure_id == departure.id)
    rows = db.session.scalars(query.order_by(OutboxMessage.id))
    return [(row.step, row.skip_reason) for row in rows]


def test_the_default_cannot_be_deleted(leaving):
    default, _seo = the_two()
    with pytest.raises(Refused):
        editing.delete(default, Fate.finish, by=a_member())


def test_who_is_in_it_may_finish_on_it_and_nobody_new_is_put_on_it(leaving):
    default, seo = the_two()
    assert editing.delete(seo, Fate.finish, by=a_member()) == 0

    found = progress.locked(leaving)
    assert found.steps == (THANK_YOU,)
    assert found.enrolment.state is not EnrolmentState.stopped
    assert protocols.choices() == [default]
    editing.put_back(seo)
    assert len(protocols.choices()) == 2


def test_who_is_in_it_may_go_on_with_another_and_gets_nothing_twice(leaving):
    default, seo = the_two()
    assert editing.delete(seo, Fate.move, by=a_member(), to=default) == 1

    leaving.clock.move_to("2026-11-21T12:00:00Z")
    progress.advance(progress.due(datetime.now(UTC)))
    assert [step for step, _reason in steps_of(leaving)] == ["thank_you", SURVEY.name]
    query = select(Event.detail).where(Event.kind == EventKind.protocol_changed)
    assert db.session.scalars(query).all() == ["El de siempre"]


def test_who_is_in_it_may_be_stopped_and_what_waits_is_taken_back(leaving):
    _default, seo = the_two()
    assert editing.delete(seo, Fate.stop, by=a_member()) == 1

    db.session.expire_all()
    assert progress.locked(leaving).enrolment.state is EnrolmentState.stopped
    assert steps_of(leaving) == [("thank_you", SkipReason.protocol_stopped)]
    query = select(Event.kind).where(Event.departure_id == leaving.id).order_by(Event.id)
    assert db.session.scalars(query).all()[-1] is EventKind.protocol_stopped


@pytest.mark.parametrize("where", ["nowhere", "itself", "deleted"])
def test_nobody_is_moved_to_where_there_is_nothing(leaving, where):
    default, seo = the_two()
    default.is_default = False
    default.deleted_at = datetime.now(UTC)
    to = {"nowhere": None, "itself": seo, "deleted": default}[where]
    with pytest.raises(Refused):
        editing.delete(seo, Fate.move, by=a_member(), to=to)
