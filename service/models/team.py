"""People who log in, their sessions, and the one-time links that let them choose a password."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.extensions import Model
from service.models.types import CreatedAt, Moment, PrimaryKey, PublicId, text_enum


class Role(StrEnum):
    """What a provider may do: a viewer reads, a member acts, an owner also sets things up."""

    viewer = "viewer"
    member = "member"
    owner = "owner"

    def covers(self, needed: "Role") -> bool:
        """Say whether this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class TeamMember(Model):
    """A person of the provider's team with a login; may be the responsible of departures.

    `calendar_key` is what the address of their calendar names; without one there is no calendar.
    """

    __tablename__ = "providers"

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(text_enum(Role, 10))
    language: Mapped[str | None] = mapped_column(String(5))  # None: the company's
    password_hash: Mapped[str | None] = mapped_column(String(300))
    is_active: Mapped[bool] = mapped_column(default=True)
    calendar_key: Mapped[str | None] = mapped_column(String(22), index=True, unique=True)
    calendar_is_teams: Mapped[bool] = mapped_column(default=False)  # or only what is theirs
    created_at: Mapped[CreatedAt]
    last_login_at: Mapped[Moment | None]


class LoginSession(Model):
    """A browser in which a member is logged in; one that has ended has no row.

    The cookie holds a secret of 32 random octets, the row only its SHA-256. `expires_at` is counted
    anew whenever the browser is seen: two weeks later, and never past 90 days after the login.
    """

    __tablename__ = "login_sessions"

    IDLE = timedelta(days=14)
    LONGEST = timedelta(days=90)

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    provider_id: Mapped[int] = mapped_column(
        ForeignKey("providers.id", ondelete="CASCADE"), index=True
    )
    browser: Mapped[str] = mapped_column(String(40))  # such as Firefox; empty when unknown
    system: Mapped[str] = mapped_column(String(40))  # such as Windows
    created_at: Mapped[CreatedAt]
    last_seen_at: Mapped[Moment]
    expires_at: Mapped[Moment] = mapped_column(index=True)

    member: Mapped[TeamMember] = relationship()

    @classmethod
    def expiry(cls, begun_at: datetime, seen_at: datetime) -> datetime:
        """Return when a session ends that began at `begun_at` and was last seen at `seen_at`."""
        return min(seen_at + cls.IDLE, begun_at + cls.LONGEST)


class PasswordLink(Model):
    """A link that lets somebody choose a password, once.

    Without a provider it is the first owner's: whoever opens it names themselves.
    """

    __tablename__ = "provider_links"

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="CASCADE"))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Moment]
    used_at: Mapped[Moment | None]

    member: Mapped[TeamMember | None] = relationship()

    def is_open(self, at: datetime) -> bool:
        """Say whether the link can still be used at `at`."""
        return self.used_at is None and at < self.expires_at


class PasswordRequest(Model):
    """Somebody asked for a link to choose a password; a worker mails it and deletes the row.

    There is one for an address without a login too, so that the answer takes as long.
    """

    __tablename__ = "password_requests"

    id: Mapped[PrimaryKey]
    email: Mapped[str] = mapped_column(String(254))  # as it was typed
    created_at: Mapped[CreatedAt]


class LoginAttempt(Model):
    """An attempt that did not succeed (yet), by keyed hash of what it counts for; kept for a day.

    Kept in the database, so that the limits hold over all processes and without Redis.
    """

    __tablename__ = "login_attempts"
    __table_args__ = (
        Index("ix_login_attempts_key_at", "key", "at"),
        Index("ix_login_attempts_at", "at"),
    )

    id: Mapped[PrimaryKey]
    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[CreatedAt]
