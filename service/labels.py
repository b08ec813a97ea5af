"""What the members of our enums are called on provider pages. Words only."""

from enum import StrEnum
from typing import Any

from flask_babel import lazy_gettext as _l

from service.models.acts import ActKind
from service.models.clients import Basis
from service.models.data_exports import ExportedData
from service.models.departures import Reason, Stage
from service.models.inbound import InboundKind, InboundSource
from service.models.newsletters import IssueState, NewsletterState
from service.models.outbox import MailKind, MailState, Outcome, SkipReason, WaitReason
from service.models.returns import ReturnReason
from service.models.suppressions import SuppressionReason, SuppressionScope
from service.models.talk_requests import Channel, DayPart, TalkRequestState

LABELS: dict[StrEnum, Any] = {
    ActKind.recorded: _l("Recorded"),
    ActKind.imported: _l("Imported"),
    ActKind.moved: _l("Moved to another stage"),
    ActKind.put_on: _l("Put on another protocol"),
    ActKind.resumed: _l("The farewell mails go on"),
    Reason.customer_service: _l("Customer service"),
    Reason.deliverable_quality: _l("Quality of the deliverable"),
    Reason.price: _l("Price"),
    Reason.budget_cut: _l("Budget cut or reorganisation"),
    Reason.cheaper_competitor: _l("Cheaper competitor"),
    Reason.needs_changed: _l("Needs changed"),
    Reason.in_house: _l("Taken in-house"),
    Reason.values_fit: _l("Values or fit"),
    Reason.ended_by_us: _l("We ended it"),
    Reason.other: _l("Other"),
    ExportedData.departures: _l("Departures"),
    ExportedData.suppressions: _l("Who gets no mail"),
    Stage.notice: _l("Notice"),
    Stage.conversation: _l("Conversation"),
    Stage.handover: _l("Handover"),
    Stage.closed: _l("Closed"),
    Stage.retained: _l("Stayed after all"),
    Stage.returned: _l("Came back"),
    MailKind.thank_you: _l("Thank-you"),
    MailKind.survey_invitation: _l("Survey"),
    MailKind.survey_reminder_1: _l("First survey reminder"),
    MailKind.survey_reminder_2: _l("Second survey reminder"),
    MailKind.survey_resume: _l("Fresh link to the survey"),
    MailKind.answer_received: _l("“We got your answer”"),
    MailKind.testimonial_request: _l("Testimonial request"),
    MailKind.testimonial_reminder: _l("Testimonial reminder"),
    MailKind.testimonial_link: _l("Fresh link to the testimonial"),
    MailKind.testimonial_edit: _l("Shortened testimonial to confirm"),
    MailKind.welcome_back: _l("“Good to have you back”"),
    MailKind.alert_new_answer: _l("Notice of a new answer"),
    MailKind.alert_low_score: _l("Notice of a low score"),
    MailKind.alert_testimonial: _l("Notice of a testimonial to read"),
    MailKind.alert_door_open: _l("Notice that somebody wants to talk"),
    MailKind.alert_mail_trouble: _l("Notice that mails are in trouble"),
    MailKind.password_link: _l("Link to choose a password"),
    MailKind.test_mail: _l("Test mail"),
    MailKind.own_text: _l("A mail in your own words"),
    MailKind.closing_letter: _l("Closing letter"),
    MailKind.door_open: _l("Door-open contact"),
    MailKind.newsletter: _l("Newsletter"),
    MailKind.greeting: _l("Greeting"),
    MailState.queued: _l("waiting to go"),
    MailState.held: _l("held back"),
    MailState.sending: _l("on its way"),
    MailState.sent: _l("sent"),
    MailState.uncertain: _l("uncertain"),
    MailState.failed: _l("failed"),
    MailState.skipped: _l("not sent"),
    MailState.cancelled: _l("cancelled"),
    Outcome.delivered: _l("delivered"),
    Outcome.soft_bounced: _l("came back for now"),
    Outcome.hard_bounced: _l("the address does not exist"),
    Outcome.complained: _l("marked as spam"),
    InboundKind.delayed: _l("delayed"),
    InboundKind.soft_bounce: _l("came back for now"),
    InboundKind.hard_bounce: _l("the address does not exist"),
    InboundKind.complaint: _l("marked as spam"),
    InboundKind.auto_reply: _l("automatic answer"),
    InboundKind.reply: _l("reply"),
    InboundKind.unsubscribe: _l("wants no more mail"),
    InboundKind.unverified: _l("without proof"),
    InboundKind.unparsed: _l("not recognised"),
    InboundSource.imap: _l("mailbox"),
    InboundSource.pipe: _l("mail server"),
    InboundSource.ses: "Amazon SES",
    InboundSource.sendgrid: "SendGrid",
    InboundSource.postmark: "Postmark",
    InboundSource.mailgun: "Mailgun",
}


def label(member: StrEnum) -> str:
    """Return the name of `member` in the language of the page; its code when it has none yet."""
    return str(LABELS.get(member, member.value))


# Why a mail did not go, or will not as things stand: one sentence each, read after its name.
WHY_NOT: dict[SkipReason, Any] = {
    SkipReason.suppressed: _l("This address gets no mail: it is dead, or they asked for none."),
    SkipReason.no_consent: _l("They did not agree to mails of this kind."),
    SkipReason.keep_in_touch_off: _l("You chose not to keep in touch with them."),
    SkipReason.basis_ended: _l(
        "They left too long ago to be written to without having said yes to it."
    ),
    SkipReason.sample: _l("This is sample data, and sample data is never mailed."),
    SkipReason.history: _l("It ended long ago and was recorded as history, which gets no mail."),
    SkipReason.answered: _l("They have already answered."),
    SkipReason.not_answered: _l("They did not answer the survey."),
    SkipReason.quality_reason: _l("Service or quality is among the reasons, so we do not ask."),
    SkipReason.recovery_open: _l("Something that went wrong is still open; that comes first."),
    SkipReason.left_recently: _l(
        "They are leaving, or left less than 30 days ago: a greeting would look automatic."
    ),
    SkipReason.testimonial_given: _l("They have already written a testimonial."),
    SkipReason.retained: _l("They stayed after all."),
    SkipReason.returned: _l("They came back."),
    SkipReason.expired: _l("Its time had passed before it could go."),
    SkipReason.closed: _l("The link in it was no longer open."),
    SkipReason.withdrawn: _l("What it speaks of was withdrawn."),
    SkipReason.protocol_stopped: _l("The farewell mails of this departure were stopped."),
    SkipReason.paused: _l("The farewell mails are paused; it waits until you let them go on."),
    SkipReason.by_provider: _l("Somebody of your team skipped it."),
    SkipReason.ended_by_us: _l("We ended it, so we do not ask."),
    SkipReason.step_gone: _l("The protocol does not have this step any more."),
    SkipReason.held_too_long: _l("It was held back, and nobody let it go in time."),
}


def why_not(reason: SkipReason) -> str:
    """Return the sentence for `reason` in the language of the page."""
    return str(WHY_NOT[reason])


WEEKDAYS: tuple[Any, ...] = (
    _l("Monday"),
    _l("Tuesday"),
    _l("Wednesday"),
    _l("Thursday"),
    _l("Friday"),
    _l("Saturday"),
    _l("Sunday"),
)

# Why a mail that is due goes later: one sentence each, read beside the moment when it goes.
WHY_LATER: dict[WaitReason, Any] = {
    WaitReason.quiet_hours: _l("These are quiet hours for them; it goes when they are over."),
    WaitReason.business_hours: _l("It waits for your business hours, by their clock."),
    WaitReason.one_a_day: _l("One mail of the farewell a day: another one goes to them before."),
    WaitReason.daily_cap: _l("They have had as many mails today as one person may get."),
    WaitReason.ramp_up: _l("A new sender sends only so many mails a day, and these were sent."),
    WaitReason.paused: _l("Its mails were paused."),
}


def why_later(reason: WaitReason) -> str:
    """Return the sentence for `reason` in the language of the page."""
    return str(WHY_LATER[reason])


# Apart from LABELS: members of two enums that spell the same are one key to a dict.
OF_SUPPRESSIONS: dict[SuppressionReason, Any] = {
    SuppressionReason.unsubscribed: _l("Unsubscribed"),
    SuppressionReason.hard_bounce: _l("Dead address"),
    SuppressionReason.soft_bounces: _l("Five mails came back"),
    SuppressionReason.complaint: _l("Marked as spam"),
    SuppressionReason.by_provider: _l("Added by your team"),
    SuppressionReason.imported: _l("From an imported list"),
}
OF_SCOPES: dict[SuppressionScope, Any] = {
    SuppressionScope.everything: _l("Every mail"),
    SuppressionScope.unasked: _l("All they did not ask for"),
    SuppressionScope.newsletter: _l("News"),
    SuppressionScope.greetings: _l("Greetings"),
    SuppressionScope.check_ins: _l("Messages to ask how they are doing"),
}
OF_CHANNELS: dict[Channel, Any] = {
    Channel.phone: _l("By telephone"),
    Channel.video: _l("By video call"),
    Channel.in_person: _l("In person"),
    Channel.email: _l("By mail"),
}
OF_DAY_PARTS: dict[DayPart, Any] = {
    DayPart.morning: _l("In the morning"),
    DayPart.midday: _l("Around midday"),
    DayPart.afternoon: _l("In the afternoon"),
    DayPart.evening: _l("In the evening"),
}
OF_TALK_REQUESTS: dict[TalkRequestState, Any] = {
    TalkRequestState.open: _l("waits for you"),
    TalkRequestState.planned: _l("planned"),
    TalkRequestState.held: _l("you have talked"),
    TalkRequestState.declined: _l("not now"),
}
OF_NEWSLETTERS: dict[NewsletterState, Any] = {
    NewsletterState.draft: _l("draft"),
    NewsletterState.active: _l("scheduled"),
    NewsletterState.ended: _l("ended"),
}
OF_ISSUES: dict[IssueState, Any] = {
    IssueState.scheduled: _l("scheduled"),
    IssueState.sending: _l("being sent"),
    IssueState.paused: _l("paused"),
    IssueState.sent: _l("sent"),
    IssueState.cancelled: _l("cancelled"),
    IssueState.skipped: _l("left out: its time had passed, and a newer one went"),
}
OF_RETURNS: dict[ReturnReason, Any] = {
    ReturnReason.our_contact: _l("We had kept in touch"),
    ReturnReason.own_need: _l("They needed it again"),
    ReturnReason.price_elsewhere: _l("The price elsewhere"),
    ReturnReason.quality_elsewhere: _l("The quality elsewhere"),
    ReturnReason.other: _l("Something else"),
}
WHY_SUPPRESSED: dict[SuppressionReason, Any] = {
    SuppressionReason.unsubscribed: _l("They asked for no more mails of this kind."),
    SuppressionReason.hard_bounce: _l("The address is dead: its mail server takes nothing for it."),
    SuppressionReason.soft_bounces: _l("The last five mails to this address came back."),
    SuppressionReason.complaint: _l("They marked one of our mails as spam."),
    SuppressionReason.by_provider: _l("Somebody of your team stopped mails to this address."),
    SuppressionReason.imported: _l("The address is on a list of those who get no mail."),
}
SOURCES = {  # what writes a suppression, as it names itself
    "one-click": _l("the mail program's unsubscribe button"),
    "link": _l("the unsubscribe page"),
    "preferences page": _l("the page of mail preferences"),
    "reply": _l("a reply by mail"),
    "smtp": _l("the mail server, when we sent"),
    "imap": _l("a mail that came back"),
    "pipe": _l("a mail that came back"),
    "provider": _l("your team"),
    "import": _l("an import"),
    "api": _l("another program"),
    "survey page": _l("the survey"),
    "testimonial page": _l("the page of the testimonial"),
    "phone": _l("by phone"),
    "in person": _l("in person"),
    "paper": _l("on paper"),
    "by mail": _l("in a mail of their own"),
    "website": _l("a form on your website"),
    "page": _l("your team"),
    "ses": "Amazon SES",
    "sendgrid": "SendGrid",
    "postmark": "Postmark",
    "mailgun": "Mailgun",
}

CONSENT_CHANNELS = ("phone", "in person", "by mail", "paper", "website")  # a yes from elsewhere
# Apart from LABELS as well: "consent" and "contract" are words that others may spell too.
OF_BASES: dict[Basis, Any] = {
    Basis.contract: _l("Contract: they are a client"),
    Basis.legitimate_interest: _l("Legitimate interest: they were a client"),
    Basis.consent: _l("Consent: they said yes"),
}


def basis_label(basis: Basis) -> str:
    """Return what `basis` is called, with what it means."""
    return str(OF_BASES[basis])


def why_suppressed(reason: SuppressionReason) -> str:
    """Return the sentence for `reason`, read after the name of a mail that did not go."""
    return str(WHY_SUPPRESSED[reason])


def reason_of_suppression(reason: SuppressionReason) -> str:
    """Return what `reason` is called in a list."""
    return str(OF_SUPPRESSIONS[reason])


def scope_of_suppression(scope: SuppressionScope) -> str:
    """Return which mails `scope` stops."""
    return str(OF_SCOPES[SuppressionScope(scope)])


def source_of_suppression(source: str) -> str:
    """Return what `source` is called, unknown ones as they are; "api:CRM" says who."""
    kind, colon, name = source.partition(":") if source.startswith("api:") else (source, "", "")
    return f"{SOURCES.get(kind, kind)}{colon and ': '}{name}"


def channel_name(channel: Channel) -> str:
    """Return how they would rather talk, as a choice of a list."""
    return str(OF_CHANNELS[channel])


def day_part_name(part: DayPart) -> str:
    """Return when it suits them, as a choice of a list."""
    return str(OF_DAY_PARTS[part])


def talk_request_state(state: TalkRequestState) -> str:
    """Return where a talk request stands, as a tag."""
    return str(OF_TALK_REQUESTS[state])


def reason_of_return(reason: ReturnReason) -> str:
    """Return what brought a client back, as a choice of a list."""
    return str(OF_RETURNS[reason])


def newsletter_state(state: NewsletterState) -> str:
    """Return where a newsletter stands, as a tag."""
    return str(OF_NEWSLETTERS[state])


def issue_state(state: IssueState) -> str:
    """Return where an issue stands, as a tag."""
    return str(OF_ISSUES[state])
