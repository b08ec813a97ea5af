"""What somebody of the team did that makes mails go, kept for a while so that it can be undone."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.extensions import Model
from service.models.departures import Departure
from service.models.team import TeamMember
from service.models.types import CreatedAt, Moment, PrimaryKey, PublicId, text_enum


class ActKind(StrEnum):
    """What was done."""

    recorded = "recorded"
    imported = "imported"
    moved = "moved"  # to another stage
    put_on = "put_on"  # on another protocol
    resumed = "resumed"  # the mails go on, or begin


class Act(Model):
    """One act, of one departure or of an import; it can be undone until `until`.

    `was` is what it takes to do so: ids, states, and of an import the facts that it replaced.
    """

    __tablename__ = "acts"

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    kind: Mapped[ActKind] = mapped_column(text_enum(ActKind, 20))
    departure_id: Mapped[int | None] = mapped_column(
        ForeignKey("departures.id", ondelete="SET NULL"), index=True
    )
    member_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))
    at: Mapped[CreatedAt]
    until: Mapped[Moment] = mapped_column(index=True)
    undone_at: Mapped[Moment | None]
    undone_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="SET NULL")
    )
    was: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    departure: Mapped[Departure | None] = relationship()
    member: Mapped[TeamMember | None] = relationship(foreign_keys=[member_id])
    undone_by: Mapped[TeamMember | None] = relationship(foreign_keys=[undone_by_id])

    @property
    def has_sent(self) -> bool:
        """Whether first mails of it were sent at once, instead of an hour later."""
        return bool(self.was.get("is_now"))
