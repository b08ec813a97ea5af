"""Mails that go at any hour, so that a run at night, on a Sunday or on a holiday means the same.

The tests of business hours set those of an office.
"""

from datetime import time

from service import public_holidays
from service.current import company
from service.extensions import db
from service.models import Company

ANY_HOUR = {
    "business_days": "0123456",
    "business_from": time(),
    "business_until": time(),
    "holiday_country": "",
    "holiday_region": "",
}
OFFICE = {
    "business_days": "01234",
    "business_from": time(9),
    "business_until": time(19),
    "holiday_country": "ES",
    "holiday_region": "MD",
}


def by_default() -> None:
    """Let a company without settings of its own, in this process, mail at any hour."""
    for name, value in ANY_HOUR.items():
        Company.__table__.c[name].default.arg = value
    public_holidays.country_of = lambda time_zone: ""  # what an unsaved company begins with


def save() -> None:
    """Let the company of the database mail at any hour, for the processes that use it; commits."""
    ours = company()
    for name, value in ANY_HOUR.items():
        setattr(ours, name, value)
    db.session.add(ours)
    db.session.commit()
