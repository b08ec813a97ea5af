"""Custom texts of mails, in place of the built-in ones."""

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.clock import now
from service.extensions import Model
from service.models.team import TeamMember
from service.models.types import Moment, PrimaryKey

_OF_ALL = text("protocol_id IS NULL")


class MailText(Model):
    """One subject and body: of a step of a protocol, or (without one) of a kind in all protocols.

    `place` is the step's name, or the kind. `version` counts the changes, so that who edits an
    older one is told.
    """

    __tablename__ = "mail_texts"
    __table_args__ = (
        UniqueConstraint("protocol_id", "place", "language"),
        Index(
            "ix_mail_texts_of_all",
            "place",
            "language",
            unique=True,
            sqlite_where=_OF_ALL,
            postgresql_where=_OF_ALL,
        ),
    )

    id: Mapped[PrimaryKey]
    protocol_id: Mapped[int | None] = mapped_column(ForeignKey("protocols.id", ondelete="CASCADE"))
    place: Mapped[str] = mapped_column(String(60))
    language: Mapped[str] = mapped_column(String(5))
    subject: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[Moment] = mapped_column(default=now, onupdate=now)
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))

    member: Mapped[TeamMember | None] = relationship()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012
