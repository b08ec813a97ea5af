"""Tokens by which other programs come in, and the answers that a repeated request gets again."""

from datetime import date
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.extensions import Model
from service.models.team import TeamMember
from service.models.types import CreatedAt, Moment, PrimaryKey, PublicId

LONGEST_NAME = 36  # with "api:" before it, it still is the source of a suppression
LONGEST_KEY = 255


class ApiScope(StrEnum):
    """What a token opens: one noun of the API, to read and to change."""

    suppressions = "suppressions"


class ApiToken(Model):
    """A program's password, shown once: only its SHA-256 is here, which is enough for 32 random
    octets. It belongs to the company, so it outlives the login of whoever made it.
    """

    __tablename__ = "api_tokens"

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    ending: Mapped[str] = mapped_column(String(4))  # shown, to tell one from another
    scopes: Mapped[list[str]] = mapped_column(JSON)
    maker_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))
    created_at: Mapped[CreatedAt]
    last_used_on: Mapped[date | None]  # in UTC; to the day, so that not every request writes
    revoked_at: Mapped[Moment | None]
    revoker_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))

    maker: Mapped[TeamMember | None] = relationship(foreign_keys=maker_id)
    revoker: Mapped[TeamMember | None] = relationship(foreign_keys=revoker_id)

    @property
    def outlives_its_maker(self) -> bool:
        """Whether it still works though the login of whoever made it is closed."""
        return self.maker is not None and not self.maker.is_active and self.revoked_at is None

    def opens(self, scope: ApiScope) -> bool:
        """Return whether the token gives access to `scope`."""
        return scope.value in self.scopes


class ApiAnswer(Model):
    """What a request with an Idempotency-Key was answered, for its repetitions.

    Written in the transaction of what the request did. It names nobody: ids and facts only.
    """

    __tablename__ = "api_answers"
    __table_args__ = (
        UniqueConstraint("token_id", "key"),
        Index("ix_api_answers_created_at", "created_at"),
    )

    id: Mapped[PrimaryKey]
    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(LONGEST_KEY))
    fingerprint: Mapped[str] = mapped_column(String(64))  # of the request, keyed
    status: Mapped[int]
    location: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
