"""The company that uses the service: one row, edited on the settings page."""

from datetime import time
from typing import Self
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnDefault, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service import public_holidays
from service.business_hours import BusinessHours
from service.extensions import Model
from service.models.types import CreatedAt, Moment, PrimaryKey

DEFAULT_ACCENT = "#0f6b5c"
DAILY_CAP = 4
BASIS_MONTHS = 24


class Company(Model):
    """The company: who signs the mails and how its pages look."""

    __tablename__ = "companies"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(200), default="")
    accent: Mapped[str] = mapped_column(String(7), default=DEFAULT_ACCENT)  # #rrggbb
    logo: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    logo_type: Mapped[str | None] = mapped_column(String(40))  # image/png …, as sniffed
    logo_version: Mapped[str | None] = mapped_column(String(22))  # changes with the picture
    signature: Mapped[str] = mapped_column(Text, default="")
    postal_address: Mapped[str] = mapped_column(Text, default="")
    website: Mapped[str] = mapped_column(String(300), default="")
    time_zone: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(5))
    sender_email: Mapped[str] = mapped_column(String(254), default="")  # empty: MAIL_DEFAULT_SENDER
    business_days: Mapped[str] = mapped_column(String(7), default="01234")  # 0 is Monday
    business_from: Mapped[time] = mapped_column(default=time(9))  # by the reader's clock
    business_until: Mapped[time] = mapped_column(default=time(19))
    holiday_country: Mapped[str] = mapped_column(String(2), default="")  # public_holidays.py
    holiday_region: Mapped[str] = mapped_column(String(20), default="")
    daily_cap: Mapped[int] = mapped_column(default=DAILY_CAP)  # mails a day that nobody asked for
    # Who answers for clients that name nobody; None: the first owner (service/responsibles.py).
    default_responsible_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="SET NULL")
    )
    basis_months: Mapped[int] = mapped_column(default=BASIS_MONTHS)  # mail/policy/legal_basis.py
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Moment | None]

    @classmethod
    def unsaved(cls, time_zone: str, language: str) -> Self:
        """Return the company as it is before its settings are saved: each column's default."""
        defaults = {
            column.key: column.default.arg
            for column in cls.__table__.columns
            if isinstance(column.default, ColumnDefault) and column.default.is_scalar
        }
        country = public_holidays.country_of(time_zone)
        known = {"time_zone": time_zone, "language": language, "holiday_country": country}
        return cls(id=1, **defaults | known)

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone, in which days and times of day are counted."""
        return ZoneInfo(self.time_zone)

    @property
    def business_hours(self) -> BusinessHours:
        """The days and times at which mails reach clients that answer no press of theirs."""
        return BusinessHours(
            frozenset(map(int, self.business_days)),
            self.business_from,
            self.business_until,
            self.holiday_country,
            self.holiday_region,
        )

    @property
    def lacks_postal_address(self) -> bool:
        """Whether it is set up without the address that mails nobody asked for have to show."""
        return self.is_set_up and not self.postal_address

    @property
    def is_set_up(self) -> bool:
        """Whether the settings page has been filled in once."""
        return bool(self.name)
