"""Conversations: a former client would like to talk, and what became of it."""

from datetime import date
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.extensions import Model
from service.models.clients import Contact
from service.models.departures import Departure
from service.models.outbox import OutboxMessage
from service.models.team import TeamMember
from service.models.types import Moment, PrimaryKey, PublicId, text_enum


class Channel(StrEnum):
    """How the contact would rather talk."""

    phone = "phone"
    video = "video"
    in_person = "in_person"
    email = "email"


class DayPart(StrEnum):
    """When on a day it suits the contact."""

    morning = "morning"
    midday = "midday"
    afternoon = "afternoon"
    evening = "evening"


class TalkRequestState(StrEnum):
    """Whether the team still has to do something about it."""

    open = "open"  # nobody has answered yet
    planned = "planned"  # there is a day and a time
    held = "held"
    declined = "declined"

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self in (TalkRequestState.held, TalkRequestState.declined)


class TalkRequest(Model):
    """One request to talk. As long as it is not over, whatever the contact adds belongs to it.

    `asked_on` is the company's day: of a hundred presses at once one makes the row. `version`
    counts the changes, so that of two people who decide at once one is told.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("contact_id", "asked_on"),
        Index("ix_conversations_state_asked_at", "state", "asked_at"),
    )

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    departure_id: Mapped[int | None] = mapped_column(
        ForeignKey("departures.id", ondelete="CASCADE"), index=True
    )  # None: a contact of whom no departure is recorded
    outbox_id: Mapped[int | None] = mapped_column(
        ForeignKey("outbox.id", ondelete="SET NULL"), index=True
    )  # the mail whose link was used, when it said so
    asked_on: Mapped[date]
    asked_at: Mapped[Moment]
    message: Mapped[str] = mapped_column(Text, default="")
    channel: Mapped[Channel | None] = mapped_column(text_enum(Channel, 20))
    phone: Mapped[str] = mapped_column(String(60), default="")  # as the contact wrote it
    day_part: Mapped[DayPart | None] = mapped_column(text_enum(DayPart, 20))
    suits: Mapped[str] = mapped_column(String(200), default="")  # when, in the contact's words
    state: Mapped[TalkRequestState] = mapped_column(
        text_enum(TalkRequestState, 20), default=TalkRequestState.open
    )
    planned_at: Mapped[Moment | None] = mapped_column(index=True)
    ended_at: Mapped[Moment | None]
    note: Mapped[str] = mapped_column(Text, default="")
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[Moment]

    contact: Mapped[Contact] = relationship()
    departure: Mapped[Departure | None] = relationship()
    mail: Mapped[OutboxMessage | None] = relationship()
    member: Mapped[TeamMember | None] = relationship()  # who decided last

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.state.is_over

    @property
    def was_held(self) -> bool:
        """Whether they have talked."""
        return self.state is TalkRequestState.held

    @property
    def has_plan(self) -> bool:
        """Whether a talk is to come at `planned_at`."""
        return self.state is TalkRequestState.planned and self.planned_at is not None
