"""What came back by mail or webhook: bounces, complaints, replies, and what nobody could read."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.extensions import Model
from service.models.clients import Contact
from service.models.outbox import OutboxMessage
from service.models.team import TeamMember
from service.models.types import (
    CreatedAt,
    Moment,
    PrimaryKey,
    PublicId,
    UtcDateTime,
    text_enum,
)


class InboundSource(StrEnum):
    """How it reached us."""

    imap = "imap"
    pipe = "pipe"
    ses = "ses"
    sendgrid = "sendgrid"
    postmark = "postmark"
    mailgun = "mailgun"


class InboundKind(StrEnum):
    """What it was."""

    delivered = "delivered"
    delayed = "delayed"  # a server still tries: no bounce
    soft_bounce = "soft_bounce"
    hard_bounce = "hard_bounce"
    complaint = "complaint"
    auto_reply = "auto_reply"
    reply = "reply"
    unsubscribe = "unsubscribe"
    unverified = "unverified"  # says something about a mail, and nothing proves that it may
    unparsed = "unparsed"  # nobody could say what it is


class Evidence(StrEnum):
    """What tied it to a mail of ours, the strongest first."""

    verp = "verp"  # our signed bounce address
    delivery_status = "delivery_status"  # RFC 3464 or RFC 5965, with a reference of ours
    returned_headers = "returned_headers"  # our Message-ID in what was sent back
    reply_headers = "reply_headers"  # our Message-ID in In-Reply-To or References
    signed_webhook = "signed_webhook"


class InboundMail(Model):
    """One thing that came in, once: `digest` is of its octets, or of the webhook's event."""

    __tablename__ = "inbound_mails"
    __table_args__ = (Index("ix_inbound_mails_kind_received_at", "kind", "received_at"),)

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    source: Mapped[InboundSource] = mapped_column("door", text_enum(InboundSource, 20))
    kind: Mapped[InboundKind] = mapped_column(text_enum(InboundKind, 20))
    evidence: Mapped[Evidence | None] = mapped_column(text_enum(Evidence, 20))
    outbox_id: Mapped[int | None] = mapped_column(
        ForeignKey("outbox.id", ondelete="SET NULL"), index=True
    )
    contact_id: Mapped[int | None] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), index=True
    )
    sender: Mapped[str] = mapped_column(String(254), default="")
    subject: Mapped[str] = mapped_column(String(300), default="")
    excerpt: Mapped[str] = mapped_column(Text, default="")  # what a person wrote, or a server said
    status_code: Mapped[str] = mapped_column(String(20), default="")  # such as 5.1.1 (RFC 3463)
    raw: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # kept when unparsed
    received_at: Mapped[CreatedAt]
    looked_at: Mapped[Moment | None]  # when a person had done with it
    looked_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="SET NULL")
    )

    outbox: Mapped[OutboxMessage | None] = relationship()
    contact: Mapped[Contact | None] = relationship()
    looked_by: Mapped[TeamMember | None] = relationship()

    @property
    def is_to_answer(self) -> bool:
        """Whether it is a reply of a contact that nobody has looked after yet."""
        return self.kind is InboundKind.reply and self.contact is not None and not self.looked_at


class InboundArrival(Model):
    """A mail that service.pipe wrote down, with plain SQL, and that a worker has yet to read."""

    __tablename__ = "inbound_arrivals"

    id: Mapped[PrimaryKey]
    octets: Mapped[bytes] = mapped_column(LargeBinary)
    recipients: Mapped[list[str]] = mapped_column(JSON)  # the envelope's
    arrived_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
