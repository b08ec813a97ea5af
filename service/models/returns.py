"""Returns: a client who had left is back, and what led to it."""

from datetime import date
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.extensions import Model
from service.models.departures import Departure, Stage
from service.models.outbox import MailKind, OutboxMessage
from service.models.team import TeamMember
from service.models.types import CreatedAt, PrimaryKey, PublicId, text_enum


class ReturnReason(StrEnum):
    """What brought a client back."""

    our_contact = "our_contact"  # we wrote or called
    own_need = "own_need"
    price_elsewhere = "price_elsewhere"
    quality_elsewhere = "quality_elsewhere"
    other = "other"


class Return(Model):
    """What is known of a return; that they are back says the departure's stage.

    The kind and step of the mail that led to it are kept beside the mail, because mails may be
    cleared away in the years to come and the lesson should stay.
    """

    __tablename__ = "returns"
    __table_args__ = (Index("ix_returns_returned_on", "returned_on"),)

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    departure_id: Mapped[int] = mapped_column(
        ForeignKey("departures.id", ondelete="CASCADE"), unique=True
    )
    returned_on: Mapped[date]
    service: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[ReturnReason] = mapped_column(text_enum(ReturnReason, 20))
    note: Mapped[str] = mapped_column(Text, default="")
    outbox_id: Mapped[int | None] = mapped_column(
        ForeignKey("outbox.id", ondelete="SET NULL"), index=True
    )
    mail_kind: Mapped[MailKind | None] = mapped_column(text_enum(MailKind))
    step: Mapped[str | None] = mapped_column(String(60))
    was: Mapped[Stage] = mapped_column(text_enum(Stage, 20))  # where to go when it is taken back
    recorded_at: Mapped[CreatedAt]
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))

    departure: Mapped[Departure] = relationship()
    mail: Mapped[OutboxMessage | None] = relationship()
    member: Mapped[TeamMember | None] = relationship()
