"""Departures (bajas): a client's leaving, from the notice to the close, and its reasons."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import ForeignKey, Index, Numeric, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.extensions import Model
from service.models.clients import Client, Contact
from service.models.team import TeamMember
from service.models.types import CreatedAt, Moment, PrimaryKey, PublicId, text_enum

if TYPE_CHECKING:
    from service.models.surveys import Recovery


class Stage(StrEnum):
    """Where a departure stands: a line of four, and two side exits."""

    notice = "notice"
    conversation = "conversation"
    handover = "handover"
    closed = "closed"
    retained = "retained"  # stayed after all
    returned = "returned"  # came back, any time later


class Reason(StrEnum):
    """Why a client leaves. The first two are about quality."""

    customer_service = "customer_service"
    deliverable_quality = "deliverable_quality"
    price = "price"
    budget_cut = "budget_cut"
    cheaper_competitor = "cheaper_competitor"
    needs_changed = "needs_changed"
    in_house = "in_house"
    values_fit = "values_fit"
    ended_by_us = "ended_by_us"
    other = "other"

    @property
    def is_about_quality(self) -> bool:
        """Whether it opens a recovery and keeps a testimonial from being asked for."""
        return self in QUALITY_REASONS


QUALITY_REASONS = frozenset({Reason.customer_service, Reason.deliverable_quality})


class ReasonRow(Protocol):
    """A row that holds one reason of something."""

    reason: Any


Row = TypeVar("Row", bound=ReasonRow)


def rows_for(reasons: set[Reason], held: list[Row], make: Callable[..., Row]) -> list[Row]:
    """Return the rows of `held` that still hold, and new ones for the rest of `reasons`."""
    kept = [row for row in held if row.reason in reasons]
    fresh = reasons - {row.reason for row in kept}
    return kept + [make(reason=reason) for reason in sorted(fresh)]


class Departure(Model):
    """One client's leaving of one service. Its reasons here are the provider's own view."""

    __tablename__ = "departures"
    __table_args__ = (
        Index("ix_departures_end_on_service", "end_on", "service"),
        Index("ix_departures_stage_end_on", "stage", "end_on"),
    )

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), index=True)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), index=True
    )
    responsible_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="SET NULL"), index=True
    )
    service: Mapped[str] = mapped_column(String(200), default="")
    stage: Mapped[Stage] = mapped_column(text_enum(Stage, 20), default=Stage.notice)
    notice_on: Mapped[date] = mapped_column(index=True)
    conversation_on: Mapped[date | None]
    handover_on: Mapped[date | None]  # when it began
    end_on: Mapped[date | None]
    monthly_value: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))  # at the notice
    acquisition_cost: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    margin: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))  # percent
    notes: Mapped[str] = mapped_column(Text, default="")
    is_history: Mapped[bool] = mapped_column(default=False)  # counts, and gets no mail
    source: Mapped[str] = mapped_column(String(20), default="page")  # page, import, sample
    recorded_at: Mapped[CreatedAt]
    recorded_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="SET NULL")
    )
    closed_at: Mapped[Moment | None]

    client: Mapped[Client] = relationship()
    contact: Mapped[Contact] = relationship()
    responsible: Mapped[TeamMember | None] = relationship(foreign_keys=[responsible_id])
    reason_rows: Mapped[list["DepartureReason"]] = relationship(
        cascade="all, delete-orphan", lazy="selectin"
    )
    recovery: Mapped["Recovery | None"] = relationship("Recovery", viewonly=True)

    @property
    def reasons(self) -> set[Reason]:
        """The provider's view of why; what the client says is on the response."""
        return {row.reason for row in self.reason_rows}

    @reasons.setter
    def reasons(self, reasons: set[Reason]) -> None:
        self.reason_rows = rows_for(reasons, self.reason_rows, DepartureReason)

    @property
    def is_over(self) -> bool:
        """Whether the client stayed or came back, so that no farewell is due."""
        return self.stage in {Stage.retained, Stage.returned}

    @property
    def has_returned(self) -> bool:
        """Whether the client came back."""
        return self.stage is Stage.returned


class DepartureReason(Model):
    """One reason the provider gives for a departure."""

    __tablename__ = "departure_reasons"

    departure_id: Mapped[int] = mapped_column(
        ForeignKey("departures.id", ondelete="CASCADE"), primary_key=True
    )
    reason: Mapped[Reason] = mapped_column(text_enum(Reason), primary_key=True)


class EnrolmentState(StrEnum):
    """Whether a departure's protocol still has mails to send."""

    active = "active"
    finished = "finished"
    paused = "paused"  # they replied: a person looks first
    stopped = "stopped"  # by the provider, or because the client stayed or came back


class Enrolment(Model):
    """A departure's place in its protocol. `next_at` is when to ask again what is due.

    Nothing is asked, and so nothing written, before `not_before`: what somebody did can be undone
    until then.
    """

    __tablename__ = "enrolments"
    __table_args__ = (Index("ix_enrolments_state_next_at", "state", "next_at"),)

    id: Mapped[PrimaryKey]
    departure_id: Mapped[int] = mapped_column(
        ForeignKey("departures.id", ondelete="CASCADE"), unique=True
    )
    state: Mapped[EnrolmentState] = mapped_column(
        text_enum(EnrolmentState, 20), default=EnrolmentState.active
    )
    protocol_id: Mapped[int | None] = mapped_column(
        ForeignKey("protocols.id", ondelete="SET NULL"), index=True
    )  # None: the built-in default
    enrolled_at: Mapped[CreatedAt]
    next_at: Mapped[Moment | None]
    not_before: Mapped[Moment | None]

    departure: Mapped[Departure] = relationship()

    def earliest(self, at: datetime) -> datetime:
        """Return `at`, or `not_before` when that is later."""
        return max(at, self.not_before) if self.not_before else at


class EventKind(StrEnum):
    """What a timeline tells beside mails and answers."""

    recorded = "recorded"
    changed = "changed"
    stage_changed = "stage_changed"
    step_sent_now = "step_sent_now"
    step_skipped = "step_skipped"
    step_put_back = "step_put_back"
    protocol_stopped = "protocol_stopped"
    protocol_resumed = "protocol_resumed"
    protocol_changed = "protocol_changed"
    undone = "undone"  # an act, within its hour
    wants_to_talk = "wants_to_talk"
    talk_planned = "talk_planned"
    talk_held = "talk_held"
    talk_declined = "talk_declined"
    talk_reopened = "talk_reopened"
    came_back = "came_back"
    preferences_changed = "preferences_changed"
    unsubscribed = "unsubscribed"
    answer_saved = "answer_saved"
    answer_sent = "answer_sent"
    answer_changed = "answer_changed"
    recovery_opened = "recovery_opened"
    recovery_closed = "recovery_closed"
    apologised = "apologised"
    apology_removed = "apology_removed"
    testimonial_submitted = "testimonial_submitted"
    testimonial_edited = "testimonial_edited"
    testimonial_confirmed = "testimonial_confirmed"
    testimonial_approved = "testimonial_approved"
    testimonial_rejected = "testimonial_rejected"
    testimonial_withdrawn = "testimonial_withdrawn"
    mail_resolved = "mail_resolved"
    mail_bounced = "mail_bounced"
    complained = "complained"
    replied = "replied"
    auto_replied = "auto_replied"
    protocol_paused = "protocol_paused"
    note = "note"


class Event(Model):
    """Something that happened to a departure: append-only; says who did it."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_departure_id_at", "departure_id", "at"),)

    id: Mapped[PrimaryKey]
    departure_id: Mapped[int] = mapped_column(ForeignKey("departures.id", ondelete="CASCADE"))
    at: Mapped[CreatedAt]
    kind: Mapped[EventKind] = mapped_column(text_enum(EventKind))
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))
    is_by_contact: Mapped[bool] = mapped_column(default=False)
    detail: Mapped[str] = mapped_column(Text, default="")  # a code or the person's own words

    member: Mapped[TeamMember | None] = relationship()
