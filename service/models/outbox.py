"""The outbox: every mail owed is a row here, and so is why one did not go.

Two truths are kept apart: `state` is what we did, `outcome` what became of it in the world.
"""

from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.extensions import Model
from service.models.clients import Contact
from service.models.departures import Departure
from service.models.team import TeamMember
from service.models.types import (
    CreatedAt,
    Moment,
    PrimaryKey,
    PublicId,
    UtcDateTime,
    text_enum,
)


class MailKind(StrEnum):
    """One mail, one name: one member here, one text in `templates/email/<kind>/body.md`."""

    thank_you = "thank_you"
    survey_invitation = "survey_invitation"
    survey_reminder_1 = "survey_reminder_1"
    survey_reminder_2 = "survey_reminder_2"
    survey_resume = "survey_resume"
    answer_received = "answer_received"
    testimonial_request = "testimonial_request"
    testimonial_reminder = "testimonial_reminder"
    testimonial_link = "testimonial_link"
    testimonial_edit = "testimonial_edit"
    welcome_back = "welcome_back"
    alert_new_answer = "alert_new_answer"
    alert_low_score = "alert_low_score"
    alert_testimonial = "alert_testimonial"
    alert_door_open = "alert_door_open"
    alert_mail_trouble = "alert_mail_trouble"
    password_link = "password_link"  # noqa: S105
    test_mail = "test_mail"
    own_text = "own_text"
    closing_letter = "closing_letter"
    door_open = "door_open"
    newsletter = "newsletter"
    greeting = "greeting"


class MailState(StrEnum):
    """What we did with a mail."""

    queued = "queued"
    held = (
        "held"  # a person held it back; it waits for one until expires_at, and never goes by itself
    )
    sending = "sending"
    sent = "sent"
    uncertain = "uncertain"  # SMTP did not say whether it took it
    failed = "failed"
    skipped = "skipped"
    cancelled = "cancelled"


class Priority(IntEnum):
    """Which mails go first when many are due."""

    urgent = 0  # somebody waits for it: a confirmation, an alert, a link that was asked for
    ordinary = 1  # the protocol's
    bulk = 2  # a newsletter to many


OPEN_STATES = (MailState.queued, MailState.sending)
END_STATES = tuple(
    state for state in MailState if state not in OPEN_STATES and state is not MailState.held
)
# What a person can decide about a mail in each state; in any other it is nothing.
DECISIONS = {
    MailState.queued: frozenset({"cancel"}),
    MailState.held: frozenset({"release", "send", "drop"}),
    MailState.failed: frozenset({"retry"}),
    MailState.uncertain: frozenset({"resolve", "retry"}),
    MailState.cancelled: frozenset({"restore"}),
}


class Outcome(StrEnum):
    """What became of a mail after we handed it over."""

    delivered = "delivered"
    soft_bounced = "soft_bounced"
    hard_bounced = "hard_bounced"
    complained = "complained"

    @property
    def is_good(self) -> bool:
        """Whether the mail arrived."""
        return self is Outcome.delivered


class SkipReason(StrEnum):
    """Why a mail did not go; each has a sentence that the provider reads."""

    suppressed = "suppressed"
    no_consent = "no_consent"
    keep_in_touch_off = "keep_in_touch_off"
    basis_ended = "basis_ended"
    sample = "sample"
    history = "history"
    answered = "answered"
    not_answered = "not_answered"
    quality_reason = "quality_reason"
    recovery_open = "recovery_open"
    left_recently = "left_recently"
    testimonial_given = "testimonial_given"
    retained = "retained"
    returned = "returned"
    expired = "expired"
    closed = "closed"
    withdrawn = "withdrawn"
    protocol_stopped = "protocol_stopped"
    paused = "paused"  # they replied; no row ends with it, the mail waits
    by_provider = "by_provider"
    ended_by_us = "ended_by_us"
    step_gone = "step_gone"  # the protocol has it no more, or it is switched off
    held_too_long = "held_too_long"


class WaitReason(StrEnum):
    """Why a mail that is due goes later; each has a sentence that the provider reads."""

    quiet_hours = "quiet_hours"  # of rows older than the business hours
    business_hours = "business_hours"
    one_a_day = "one_a_day"  # another mail of a farewell goes to them on that day
    daily_cap = "daily_cap"
    ramp_up = "ramp_up"  # a new sender's mails of a day were used up (MAIL_RAMP_UP)
    paused = "paused"


class OutboxMessage(Model):
    """One mail to one person. `key` makes it unique: who, kind, subject, step, cycle."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_state_priority_due_at", "state", "priority", "due_at"),
        Index("ix_outbox_state_ended_at", "state", "ended_at"),
        Index("ix_outbox_outcome_outcome_at", "outcome", "outcome_at"),
        Index("ix_outbox_departure_id_due_at", "departure_id", "due_at"),
        Index("ix_outbox_issue_id_state", "issue_id", "state"),
    )

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    key: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[MailKind] = mapped_column(text_enum(MailKind))
    language: Mapped[str] = mapped_column(String(5))
    contact_id: Mapped[int | None] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), index=True
    )  # to a contact …
    provider_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="CASCADE"), index=True
    )  # … or to a provider
    sender_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="SET NULL")
    )  # who signs an issue of a newsletter; in any other row it says nothing
    departure_id: Mapped[int | None] = mapped_column(
        ForeignKey("departures.id", ondelete="CASCADE")
    )
    issue_id: Mapped[int | None]  # of a newsletter; no key: SQLite would copy the table for one
    reply_to_message_id: Mapped[int | None] = mapped_column(
        ForeignKey("outbox.id", ondelete="SET NULL"), index=True
    )  # threaded under that one
    context: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # ids only
    step: Mapped[str | None] = mapped_column(String(60))  # the protocol's step, if one asked
    priority: Mapped[int] = mapped_column(SmallInteger, default=Priority.ordinary)
    due_at: Mapped[Moment]
    expires_at: Mapped[Moment | None]
    state: Mapped[MailState] = mapped_column(text_enum(MailState, 20), default=MailState.queued)
    skip_reason: Mapped[SkipReason | None] = mapped_column(text_enum(SkipReason))
    outcome: Mapped[Outcome | None] = mapped_column(text_enum(Outcome, 20))
    outcome_at: Mapped[Moment | None]
    outcome_words: Mapped[str] = mapped_column(Text, default="")  # what the bounce said
    attempts: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(60))
    lease_until: Mapped[Moment | None]
    handing_over_at: Mapped[Moment | None]  # committed just before its first byte leaves
    doubts: Mapped[int] = mapped_column(default=0)  # times nobody could know if it was taken
    message_id: Mapped[str | None] = mapped_column(String(250), unique=True)
    server_words: Mapped[str] = mapped_column(Text, default="")  # the last thing the server said
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # sent, failed, skipped … at
    # What decided about it (mail/decision.py); NULL in rows older than the column, and in those of
    # a newsletter as long as its issue says it all.
    decision: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    contact: Mapped[Contact | None] = relationship()
    member: Mapped[TeamMember | None] = relationship(foreign_keys=[provider_id])
    sender: Mapped[TeamMember | None] = relationship(foreign_keys=[sender_id])
    departure: Mapped[Departure | None] = relationship()
    reply_to: Mapped["OutboxMessage | None"] = relationship(remote_side="OutboxMessage.id")

    @property
    def reader(self) -> Contact | TeamMember | None:
        """Whom the mail is for."""
        return self.contact or self.member

    @property
    def is_uncertain(self) -> bool:
        """Whether nobody knows if the server took it."""
        return self.state is MailState.uncertain

    @property
    def is_held(self) -> bool:
        """Whether it waits for a person to let it go."""
        return self.state is MailState.held

    @property
    def decisions(self) -> frozenset[str]:
        """What a person can decide about it: cancel, retry, resolve (it arrived) or restore.

        About one that is held: release, send (now) or drop.
        """
        return DECISIONS.get(self.state, frozenset())


class Lease(Model):
    """Who holds a job that only one may do at a time (the clock's tick)."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(60))
    until: Mapped[Moment]


class RateBucket(Model):
    """When the next mail may go to the server, or to one domain (GCRA's theoretical arrival time).

    `slower` is how often the rate was halved because the other side asked for it.
    """

    __tablename__ = "rate_buckets"

    name: Mapped[str] = mapped_column(String(280), primary_key=True)
    next_at: Mapped[Moment]
    slower: Mapped[int] = mapped_column(default=0)
    slower_at: Mapped[Moment | None]  # when that changed last

    @property
    def domain(self) -> str:
        """The domain that it limits; empty for the bucket of all mails."""
        return self.name.partition(":")[2]


class RampUp(Model):
    """How many mails a new sender has sent today, against a daily limit that grows."""

    __tablename__ = "ramp_ups"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    started_on: Mapped[date]  # in the provider's zone, as the next one
    day: Mapped[date]
    used: Mapped[int] = mapped_column(default=0)


class Breaker(Model):
    """Whether the SMTP server can be reached; open until `open_until` after failures in a row."""

    __tablename__ = "breakers"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[Moment | None]  # when the first of the failures in a row was
    open_until: Mapped[Moment | None]
    server_words: Mapped[str] = mapped_column(Text, default="")


class WorkerStart(Model):
    """One start of a worker process: begun, and then either ready for jobs or failed.

    One that is neither was killed, or is just starting.
    """

    __tablename__ = "worker_starts"
    __table_args__ = (Index("ix_worker_starts_began_at", "began_at"),)

    id: Mapped[PrimaryKey]
    host: Mapped[str] = mapped_column(String(60))  # the machine's name
    began_at: Mapped[CreatedAt]
    ready_at: Mapped[Moment | None]
    error: Mapped[str] = mapped_column(Text, default="")  # why it failed, in one line
