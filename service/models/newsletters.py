"""Newsletters: what is written, to whom and how often; their issues, each sent once; pictures."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    cast,
    exists,
    or_,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.clock import now
from service.extensions import Model
from service.models.audiences import Audience
from service.models.team import TeamMember
from service.models.types import CreatedAt, Moment, PrimaryKey, PublicId, text_enum

Texts = dict[str, dict[str, str]]  # by language: subject, body


class NewsletterState(StrEnum):
    """Whether something of it is still to go."""

    draft = "draft"
    active = "active"
    ended = "ended"


class IssueState(StrEnum):
    """Where one issue stands."""

    scheduled = "scheduled"
    sending = "sending"
    paused = "paused"
    sent = "sent"
    cancelled = "cancelled"
    skipped = "skipped"  # its time had passed, and that of a newer one had come


OPEN_ISSUES = (IssueState.scheduled, IssueState.sending, IssueState.paused)


class SpeaksLanguages:
    """What has texts by language."""

    texts: Any

    @property
    def languages(self) -> list[str]:
        """The languages that it is written in."""
        return [language for language, text in self.texts.items() if text.get("body")]

    def language_for(self, language: str) -> str:
        """Return `language` when it is written in it, else the first that it is."""
        written = self.languages
        return language if language in written or not written else written[0]

    def text_in(self, language: str) -> dict[str, str]:
        """Return subject and body in `language`; empty ones when there are none."""
        return {"subject": "", "body": "", **self.texts.get(language, {})}


class Newsletter(SpeaksLanguages, Model):
    """What somebody writes, to be sent once or again and again (periodic updates).

    `recurrence` is a rule of RFC 5545 counted from `first_at`, the provider's local time.
    """

    __tablename__ = "newsletters"

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    name: Mapped[str] = mapped_column(String(200))
    texts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    audience: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    recurrence: Mapped[str | None] = mapped_column(String(200))
    first_at: Mapped[str | None] = mapped_column(String(20))  # 2026-12-01T09:00, on the wall
    is_public: Mapped[bool] = mapped_column(default=False)  # stands in the archive
    counts_links: Mapped[bool] = mapped_column(default=False)  # how often each is opened, in total
    state: Mapped[NewsletterState] = mapped_column(
        text_enum(NewsletterState, 20), default=NewsletterState.draft
    )
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Moment] = mapped_column(default=now, onupdate=now)
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))
    deleted_at: Mapped[Moment | None]

    member: Mapped[TeamMember | None] = relationship()
    issues: Mapped[list["NewsletterIssue"]] = relationship(
        back_populates="newsletter", order_by="NewsletterIssue.number.desc()"
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    @property
    def first(self) -> datetime | None:
        """When it goes first, local and naive."""
        return datetime.fromisoformat(self.first_at) if self.first_at else None

    @property
    def is_active(self) -> bool:
        """Whether it is scheduled."""
        return self.state is NewsletterState.active

    @property
    def readers(self) -> Audience:
        """Whom it is for."""
        return Audience.of(self.audience)


class NewsletterIssue(SpeaksLanguages, Model):
    """One sending of a newsletter. What it says, to whom, and `counts_links` freeze when it begins.

    `written_to` is the last contact whose mail is in the outbox; with `written_at` all are. What
    became of each mail is counted in the outbox and kept nowhere else.
    """

    __tablename__ = "newsletter_issues"
    __table_args__ = (
        UniqueConstraint("newsletter_id", "number"),
        Index("ix_newsletter_issues_state_due_at", "state", "due_at"),
    )

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id", ondelete="CASCADE"))
    number: Mapped[int]
    due_at: Mapped[Moment]
    state: Mapped[IssueState] = mapped_column(
        text_enum(IssueState, 20), default=IssueState.scheduled
    )
    texts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    audience: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    counts_links: Mapped[bool] = mapped_column(default=False)
    written_to: Mapped[int] = mapped_column(default=0)
    written_at: Mapped[Moment | None]
    started_at: Mapped[Moment | None]
    ended_at: Mapped[Moment | None]
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))

    newsletter: Mapped[Newsletter] = relationship(back_populates="issues")
    member: Mapped[TeamMember | None] = relationship()

    @property
    def is_readable(self) -> bool:
        """Whether its link in the mails shows it."""
        return self.started_at is not None

    @property
    def can_pause(self) -> bool:
        """Whether it is to go or is going."""
        return self.state in {IssueState.scheduled, IssueState.sending}

    @property
    def is_paused(self) -> bool:
        """Whether somebody stopped it and it can go on."""
        return self.state is IssueState.paused

    @property
    def is_open(self) -> bool:
        """Whether something of it may still go, so that it can be cancelled."""
        return self.state in OPEN_ISSUES

    @property
    def is_being_written(self) -> bool:
        """Whether it has begun, and not all of its mails are in the outbox yet."""
        return self.is_open and self.started_at is not None and self.written_at is None

    @property
    def is_waiting(self) -> bool:
        """Whether it is scheduled and has not begun."""
        return self.state is IssueState.scheduled and self.started_at is None

    @property
    def readers(self) -> Audience:
        """Whom it went to."""
        return Audience.of(self.audience)


class NewsletterLink(Model):
    """A link of an issue whose openings are counted: where it leads, frozen, and how often.

    The number is all there is to know: who opened it, when and with what is kept nowhere.
    """

    __tablename__ = "newsletter_links"

    issue_id: Mapped[int] = mapped_column(
        ForeignKey("newsletter_issues.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    address: Mapped[str] = mapped_column(Text)
    openings: Mapped[int] = mapped_column(default=0)


class NewsletterImage(Model):
    """A picture that newsletters show, made anew so that nothing of the camera is left in it."""

    __tablename__ = "newsletter_images"

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    newsletter_id: Mapped[int] = mapped_column(
        ForeignKey("newsletters.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(200), default="")
    media_type: Mapped[str] = mapped_column(String(40))
    octets: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    size: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    alt_text: Mapped[str] = mapped_column("words", Text, default="")  # for who does not see it
    created_at: Mapped[CreatedAt]


def image_is_used() -> ColumnElement[bool]:
    """Whether a text shows the picture of the row: that of a newsletter, or of an issue, sent too.

    Copies of a newsletter show the pictures of the first one.
    """
    named = "%" + NewsletterImage.public_id + "%"  # its "_" fits any letter: rather too many
    return or_(
        exists().where(Newsletter.deleted_at.is_(None), cast(Newsletter.texts, Text).like(named)),
        exists().where(cast(NewsletterIssue.texts, Text).like(named)),
    )
