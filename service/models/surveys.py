"""The survey: invitations (whether a link is good), responses and answers, own questions."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.extensions import Model
from service.models.departures import Departure, Reason, rows_for
from service.models.talk_requests import Channel
from service.models.team import TeamMember
from service.models.types import CreatedAt, Moment, PrimaryKey, PublicId, text_enum


class InvitationKind(StrEnum):
    """What the contact is invited to."""

    survey = "survey"
    testimonial = "testimonial"

    @property
    def open_for(self) -> timedelta:
        """How long its link can be used, from the mail that brings it."""
        return timedelta(days=60 if self is InvitationKind.survey else 90)


class Invitation(Model):
    """The row behind a mailed link: it says whether the link is still good. One of a kind each."""

    __tablename__ = "invitations"
    __table_args__ = (UniqueConstraint("departure_id", "kind"),)

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    departure_id: Mapped[int] = mapped_column(ForeignKey("departures.id", ondelete="CASCADE"))
    kind: Mapped[InvitationKind] = mapped_column(text_enum(InvitationKind, 20))
    created_at: Mapped[CreatedAt]
    closes_at: Mapped[Moment]
    revoked_at: Mapped[Moment | None]

    departure: Mapped[Departure] = relationship()

    def is_open(self, at: datetime) -> bool:
        """Say whether the link can still be used at `at`."""
        return self.revoked_at is None and at < self.closes_at


class QuestionKind(StrEnum):
    """How a provider's own question is answered."""

    text = "text"
    scale = "scale"  # 0-10
    one = "one"  # one of a list
    many = "many"  # any of a list


class Question(Model):
    """A question of the provider's own. Texts are kept per language; `options` run in parallel."""

    __tablename__ = "questions"

    id: Mapped[PrimaryKey]
    kind: Mapped[QuestionKind] = mapped_column(text_enum(QuestionKind, 10))
    text: Mapped[dict[str, str]] = mapped_column(JSON)  # {"es": …, "en": …}
    options: Mapped[dict[str, list[str]]] = mapped_column(JSON, default=dict)
    position: Mapped[int] = mapped_column(default=0)
    is_on: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[CreatedAt]
    deleted_at: Mapped[Moment | None]  # its answers stay readable

    def text_in(self, language: str) -> str:
        """Return the question in `language`, or in one that it has."""
        return self.text.get(language) or next((text for text in self.text.values() if text), "")

    def options_in(self, language: str) -> list[str]:
        """Return the list to choose from in `language`, or in one that it has."""
        return self.options.get(language) or next(
            (options for options in self.options.values() if options), []
        )


class Response(Model):
    """What one contact answered to one invitation; partial until sent, changeable until it closes.

    Scales: score and return_likelihood 0-10, satisfaction and handover 1-5.
    """

    __tablename__ = "responses"
    __table_args__ = (
        CheckConstraint("score BETWEEN 0 AND 10", name="score"),
        CheckConstraint("satisfaction BETWEEN 1 AND 5", name="satisfaction"),
        CheckConstraint("handover BETWEEN 1 AND 5", name="handover"),
        CheckConstraint("return_likelihood BETWEEN 0 AND 10", name="return_likelihood"),
        Index("ix_responses_submitted_at_score", "submitted_at", "score"),
    )

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    invitation_id: Mapped[int] = mapped_column(
        ForeignKey("invitations.id", ondelete="CASCADE"), unique=True
    )
    departure_id: Mapped[int] = mapped_column(
        ForeignKey("departures.id", ondelete="CASCADE"), unique=True
    )
    score: Mapped[int | None]
    satisfaction: Mapped[int | None]
    handover: Mapped[int | None]
    valued_most: Mapped[str] = mapped_column(Text, default="")
    to_improve: Mapped[str] = mapped_column(Text, default="")
    comment: Mapped[str] = mapped_column(Text, default="")
    return_likelihood: Mapped[int | None]
    keep_in_touch: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str] = mapped_column(String(5))
    saved_at: Mapped[Moment]
    submitted_at: Mapped[Moment | None]  # None: a partial answer, saved to go on later
    version: Mapped[int] = mapped_column(default=1)  # two people pressing at once: one wins

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    invitation: Mapped[Invitation] = relationship()
    departure: Mapped[Departure] = relationship()
    reason_rows: Mapped[list["ResponseReason"]] = relationship(
        cascade="all, delete-orphan", lazy="selectin"
    )
    answers: Mapped[list["Answer"]] = relationship(cascade="all, delete-orphan", lazy="selectin")

    @property
    def reasons(self) -> set[Reason]:
        """Why, in the client's own choice."""
        return {row.reason for row in self.reason_rows}

    @reasons.setter
    def reasons(self, reasons: set[Reason]) -> None:
        self.reason_rows = rows_for(reasons, self.reason_rows, ResponseReason)

    @property
    def needs_recovery(self) -> bool:
        """Whether something failed: a score of 6 or less, a satisfaction of 2 or less, quality."""
        return (
            (self.score is not None and self.score <= 6)
            or (self.satisfaction is not None and self.satisfaction <= 2)
            or any(reason.is_about_quality for reason in self.reasons)
        )


class ResponseReason(Model):
    """One reason the client gives."""

    __tablename__ = "response_reasons"

    response_id: Mapped[int] = mapped_column(
        ForeignKey("responses.id", ondelete="CASCADE"), primary_key=True
    )
    reason: Mapped[Reason] = mapped_column(text_enum(Reason), primary_key=True)


class Answer(Model):
    """The answer to one of the provider's own questions.

    `value` is the text, the number, or for a list the places of the options chosen, from 0.
    """

    __tablename__ = "answers"

    response_id: Mapped[int] = mapped_column(
        ForeignKey("responses.id", ondelete="CASCADE"), primary_key=True
    )
    question_id: Mapped[int] = mapped_column(
        ForeignKey("questions.id", ondelete="CASCADE"), primary_key=True
    )
    value: Mapped[Any] = mapped_column(JSON)

    question: Mapped[Question] = relationship()

    def words_in(self, language: str) -> str:
        """Return the answer as a person reads it; options in `language`, a comma between."""
        if not isinstance(self.value, list):
            return "" if self.value is None else str(self.value)
        options = self.question.options_in(language)
        return ", ".join(options[place] for place in self.value if place < len(options))


class Recovery(Model):
    """What is done when something failed, and how the apology was made.

    While it is open no testimonial is asked for, and no closing letter and no door-open mail goes.
    """

    __tablename__ = "recoveries"

    id: Mapped[PrimaryKey]
    departure_id: Mapped[int] = mapped_column(
        ForeignKey("departures.id", ondelete="CASCADE"), unique=True
    )
    opened_at: Mapped[CreatedAt]
    closed_at: Mapped[Moment | None] = mapped_column(index=True)
    closed_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="SET NULL")
    )
    is_resolved: Mapped[bool | None]
    note: Mapped[str] = mapped_column(Text, default="")
    apologised_on: Mapped[date | None]
    apologised_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="SET NULL")
    )
    apology_way: Mapped[Channel | None] = mapped_column(text_enum(Channel, 20))  # never email
    apology_why: Mapped[str] = mapped_column(Text, default="")  # why by call
    apology_note: Mapped[str] = mapped_column(Text, default="")

    departure: Mapped[Departure] = relationship()
    apologised_by: Mapped[TeamMember | None] = relationship(foreign_keys=[apologised_by_id])

    @property
    def is_open(self) -> bool:
        """Whether it is still to be put right."""
        return self.closed_at is None
