"""Moments keep their zone on both databases."""

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError

from service.models import Event, EventKind
from tests.builders import a_departure, added


def test_a_moment_comes_back_aware_and_in_utc(session):
    madrid = timezone(timedelta(hours=2))
    at = datetime(2026, 7, 1, 10, 0, tzinfo=madrid)
    event = added(Event(departure_id=a_departure().id, kind=EventKind.note, at=at))
    session.commit()
    session.expire_all()
    assert event.at == at
    assert event.at.utcoffset() == timedelta(0)


def test_a_moment_without_a_zone_is_refused(session):
    departure_id = a_departure().id
    with pytest.raises(StatementError, match="without a zone"):
        added(Event(departure_id=departure_id, kind=EventKind.note, at=datetime(2026, 7, 1)))  # noqa: DTZ001
