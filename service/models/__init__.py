"""The tables, and questions about one row. Nothing here does I/O."""

from service.models.api_tokens import ApiAnswer, ApiScope, ApiToken
from service.models.audiences import Audience
from service.models.clients import Basis, Client, Consent, ConsentPurpose, Contact
from service.models.companies import Company
from service.models.conversations import Channel, Conversation, ConversationState, DayPart
from service.models.departures import (
    QUALITY_REASONS,
    Departure,
    DepartureReason,
    Enrolment,
    EnrolmentState,
    Event,
    EventKind,
    Reason,
    Stage,
)
from service.models.greetings import Circle, Greeting, Occasion
from service.models.inbound import Evidence, InboundDoor, InboundKind, InboundMail
from service.models.newsletters import (
    OPEN_ISSUES,
    IssueState,
    Newsletter,
    NewsletterImage,
    NewsletterIssue,
    NewsletterState,
)
from service.models.outbox import (
    END_STATES,
    OPEN_STATES,
    Breaker,
    Lease,
    MailKind,
    MailState,
    OutboxMessage,
    Outcome,
    Priority,
    RampUp,
    RateBucket,
    SkipReason,
    WaitReason,
)
from service.models.protocols import Protocol, ProtocolVersion
from service.models.providers import LoginAttempt, Provider, ProviderLink, Role
from service.models.returns import Return, ReturnReason
from service.models.suppressions import (
    Suppression,
    SuppressionChange,
    SuppressionReason,
    SuppressionScope,
)
from service.models.surveys import (
    Answer,
    Invitation,
    InvitationKind,
    Question,
    QuestionKind,
    Recovery,
    Response,
    ResponseReason,
)
from service.models.testimonials import Testimonial, TestimonialState
from service.models.texts import MailText

__all__ = [
    "END_STATES",
    "OPEN_ISSUES",
    "OPEN_STATES",
    "QUALITY_REASONS",
    "Answer",
    "ApiAnswer",
    "ApiScope",
    "ApiToken",
    "Audience",
    "Basis",
    "Breaker",
    "Channel",
    "Circle",
    "Client",
    "Company",
    "Consent",
    "ConsentPurpose",
    "Contact",
    "Conversation",
    "ConversationState",
    "DayPart",
    "Departure",
    "DepartureReason",
    "Enrolment",
    "EnrolmentState",
    "Event",
    "EventKind",
    "Evidence",
    "Greeting",
    "InboundDoor",
    "InboundKind",
    "InboundMail",
    "Invitation",
    "InvitationKind",
    "IssueState",
    "Lease",
    "LoginAttempt",
    "MailKind",
    "MailState",
    "MailText",
    "Newsletter",
    "NewsletterImage",
    "NewsletterIssue",
    "NewsletterState",
    "Occasion",
    "OutboxMessage",
    "Outcome",
    "Priority",
    "Protocol",
    "ProtocolVersion",
    "Provider",
    "ProviderLink",
    "Question",
    "QuestionKind",
    "RampUp",
    "RateBucket",
    "Reason",
    "Recovery",
    "Response",
    "ResponseReason",
    "Return",
    "ReturnReason",
    "Role",
    "SkipReason",
    "Stage",
    "Suppression",
    "SuppressionChange",
    "SuppressionReason",
    "SuppressionScope",
    "Testimonial",
    "TestimonialState",
    "WaitReason",
]
