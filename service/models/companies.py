"""The company that uses the service: one row, edited on the settings page."""

from datetime import time
from typing import Self
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnDefault, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.extensions import Model
from service.models.types import CreatedAt, Moment, PrimaryKey
from service.quiet_hours import QuietHours

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
    quiet_from: Mapped[time | None]  # local time of day; both or none
    quiet_until: Mapped[time | None]
    daily_cap: Mapped[int] = mapped_column(default=DAILY_CAP)  # mails a day that nobody asked for
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
        return cls(id=1, time_zone=time_zone, language=language, **defaults)

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone, in which days and times of day are counted."""
        return ZoneInfo(self.time_zone)

    @property
    def quiet_hours(self) -> QuietHours:
        """The local times of day of a recipient between which mails that can wait do so."""
        return QuietHours(self.quiet_from, self.quiet_until)

    @property
    def lacks_postal_address(self) -> bool:
        """Whether it is set up without the address that mails nobody asked for have to show."""
        return self.is_set_up and not self.postal_address

    @property
    def is_set_up(self) -> bool:
        """Whether the settings page has been filled in once."""
        return bool(self.name)
