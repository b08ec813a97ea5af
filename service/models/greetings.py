"""Greetings: what is wished to whom, on which day of the year. Rows, and when they are due.

The three that come with the service have no row until somebody changes them (see BUILT_IN); they
are all off then. What a greeting says is kept with the other texts of mails, under its `place`.
"""

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from service.business_hours import BusinessHours
from service.clock import local_moment, now
from service.extensions import Model
from service.models.types import CreatedAt, Moment, PrimaryKey, PublicId, text_enum
from service.yearly import days_until, keys_on, next_on

LATE = timedelta(days=2)  # a greeting that comes later than that is better not sent
TOO_SOON = timedelta(days=30)  # after a departure's end, when a greeting would look automatic
AT = time(10)
YEAR_END = "year_end"
SUGGESTED_DAY = "12-18"


class Occasion(StrEnum):
    """What a greeting is for; `season` is any day that the provider picks."""

    season = "season"
    anniversary = "anniversary"  # of the day on which the work together began
    birthday = "birthday"


class Circle(StrEnum):
    """Whom a greeting is for, as far as the provider chooses."""

    both = "both"
    clients = "clients"
    former = "former"


class Greeting(Model):
    """One greeting, each year. `version` counts the changes, so that two who edit are told.

    `done_on` is the last day, the provider's, for which its mails are written.
    """

    __tablename__ = "greetings"

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    occasion: Mapped[Occasion] = mapped_column(text_enum(Occasion, 20))
    name: Mapped[str] = mapped_column(String(120), default="")  # of those of the provider's own
    day_key: Mapped[str | None] = mapped_column(String(5))  # "12-18"; only a season's
    at: Mapped[time] = mapped_column(default=AT)  # in the company's zone
    circle: Mapped[Circle] = mapped_column(text_enum(Circle, 20), default=Circle.both)
    is_on: Mapped[bool] = mapped_column(default=False, index=True)
    done_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Moment] = mapped_column(default=now, onupdate=now)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    @property
    def is_built_in(self) -> bool:
        """Whether it comes with the service."""
        return self.public_id in set(Occasion)

    @property
    def place(self) -> str:
        """Where its texts are kept."""
        return f"greeting:{self.public_id}"

    def due_days(
        self, at: datetime, zone: str, hours: BusinessHours
    ) -> list[tuple[date, datetime]]:
        """Return the days whose mails are to be written at `at`, each with its moment.

        Days that passed unseen are left out once they are LATE ago. A `done_on` too far in the
        future is what a clock wrote that was wrong; the outbox's keys keep those mails from coming
        twice.
        """
        last = last_greeted_on(at.astimezone(ZoneInfo(zone)).date(), hours)
        done_on = self.done_on if self.done_on and self.done_on <= last else date.min
        moments = [(day, self.due_at(day, zone, hours)) for day in days_until(last, 14)]
        return [
            (day, moment)
            for day, moment in moments
            if day > done_on and moment <= at < moment + LATE and self.may_come_on(day)
        ]

    def due_at(self, day: date, zone: str, hours: BusinessHours) -> datetime:
        """Return when the mails for `day` are due: on the last working day up to it."""
        return local_moment(hours.last_working(day), hours.time_within(self.at), zone)

    def may_come_on(self, day: date) -> bool:
        """Say whether `day` can be its day: of a season's always known, of others by the person."""
        return self.day_key is None or self.day_key in keys_on(day)

    def last_passed(self, at: datetime, zone: str, hours: BusinessHours) -> date:
        """Return the last day whose mails are due by `at`: who switches it on then is too late."""
        today = at.astimezone(ZoneInfo(zone)).date()
        if self.due_at(today, zone, hours) <= at:
            return last_greeted_on(today, hours)
        return today - timedelta(days=1)

    def next_day(self, after: date) -> date | None:
        """Return a season's next day after `after`."""
        if self.day_key is None:
            return None
        return next_on(self.day_key, after)


def last_greeted_on(day: date, hours: BusinessHours) -> date:
    """Return the last of the days whose greetings go by the end of `day`: free ones follow it."""
    return hours.next_working(day + timedelta(days=1)) - timedelta(days=1)


def wishes_of(occasion: str, month: int) -> str:
    """Return what a greeting wishes in a month: a season's, in December, that of the year's end."""
    return YEAR_END if occasion == Occasion.season and month == 12 else occasion


def built_in(occasion: Occasion) -> Greeting:
    """Return a greeting as it comes with the service, unsaved and off."""
    return Greeting(
        public_id=occasion.value,
        occasion=occasion,
        name="",
        day_key=SUGGESTED_DAY if occasion is Occasion.season else None,
        at=AT,
        circle=Circle.both,
        is_on=False,
        version=0,
    )


OF_OCCASIONS: dict[Occasion, Any] = {
    Occasion.season: _l("Season’s greetings"),
    Occasion.anniversary: _l("Anniversary of the collaboration"),
    Occasion.birthday: _l("Birthday"),
}
OF_CIRCLES: dict[Circle, Any] = {
    Circle.both: _l("Clients and former clients"),
    Circle.clients: _l("Clients"),
    Circle.former: _l("Former clients"),
}


def circle_label(circle: Circle) -> str:
    """Return what the people of a `circle` are called."""
    return str(OF_CIRCLES[circle])


def greeting_label(greeting: Greeting) -> str:
    """Return what a greeting is called in a list."""
    return greeting.name or str(OF_OCCASIONS[greeting.occasion])
