"""Addresses that get no mail, and the log of how they came onto the list and left it."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.extensions import Model
from service.models.team import TeamMember
from service.models.types import CreatedAt, PrimaryKey, PublicId, text_enum


class SuppressionReason(StrEnum):
    """How an address came to be suppressed."""

    unsubscribed = "unsubscribed"
    hard_bounce = "hard_bounce"
    soft_bounces = "soft_bounces"  # five in a row
    complaint = "complaint"
    by_provider = "by_provider"
    imported = "imported"  # from another tool's list


class SuppressionScope(StrEnum):
    """Which mails a suppression stops, the widest first."""

    everything = "everything"  # a dead address: not even what it asked for itself
    unasked = "unasked"  # all but what it asks for itself
    newsletter = "newsletter"  # one purpose
    greetings = "greetings"
    check_ins = "check_ins"


class Suppression(Model):
    """An address that gets no mail of a scope, for one reason, by keyed hash.

    Each reason stands by itself: when a dead address works again, whoever unsubscribed stays so.
    `address` is kept so that the provider can read the list; an erasure empties it, and the hash
    stays.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        UniqueConstraint("address_hash", "scope", "reason"),
        Index("ix_suppressions_created_at", "created_at"),
    )

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    address_hash: Mapped[str] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(254))
    scope: Mapped[SuppressionScope] = mapped_column(text_enum(SuppressionScope, 20))
    reason: Mapped[SuppressionReason] = mapped_column(text_enum(SuppressionReason, 20))
    source: Mapped[str] = mapped_column(String(40), default="")  # one-click, page, reply, smtp …
    detail: Mapped[str] = mapped_column(Text, default="")
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))
    created_at: Mapped[CreatedAt]

    member: Mapped[TeamMember | None] = relationship()


class SuppressionChange(Model):
    """One address put on the list or taken off it: append-only; says who did it and why."""

    __tablename__ = "suppression_changes"
    __table_args__ = (Index("ix_suppression_changes_address_hash_at", "address_hash", "at"),)

    id: Mapped[PrimaryKey]
    address_hash: Mapped[str] = mapped_column(String(64))
    scope: Mapped[SuppressionScope] = mapped_column(text_enum(SuppressionScope, 20))
    reason: Mapped[SuppressionReason] = mapped_column(text_enum(SuppressionReason, 20))
    is_lifted: Mapped[bool] = mapped_column(default=False)
    why: Mapped[str] = mapped_column(Text, default="")  # in words; an erasure empties it
    source: Mapped[str] = mapped_column(String(40), default="")
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))
    at: Mapped[CreatedAt]

    member: Mapped[TeamMember | None] = relationship()
