"""The protocols that come with the service, as data. A provider changes copies of these rows."""

from datetime import time

from service.models.outbox import MailKind
from service.models.steps import Anchor, Condition, Step, Unit

NINE = time(9)
TEN = time(10)

THANK_YOU = Step("thank_you", MailKind.thank_you, Anchor.notice, 1, NINE, 14)
SURVEY = Step("survey_invitation", MailKind.survey_invitation, Anchor.end, 1, TEN, 21)
# The first reminder is stale before the second is due, so that an outage never sends both at once.
REMINDER_1 = Step(
    "survey_reminder_1",
    MailKind.survey_reminder_1,
    Anchor.step,
    3,
    TEN,
    2,
    after="survey_invitation",
)
REMINDER_2 = Step(
    "survey_reminder_2",
    MailKind.survey_reminder_2,
    Anchor.step,
    7,
    TEN,
    7,
    after="survey_invitation",
)
TESTIMONIAL = Step(
    "testimonial_request",
    MailKind.testimonial_request,
    Anchor.answer,
    1,
    NINE,
    14,
    only_if=(Condition.no_quality_reason,),
)
TESTIMONIAL_REMINDER = Step(
    "testimonial_reminder",
    MailKind.testimonial_reminder,
    Anchor.step,
    5,
    NINE,
    7,
    after="testimonial_request",
)
CLOSING = Step("closing_letter", MailKind.closing_letter, Anchor.closing, 0, NINE, 14)
DOOR_OPEN = Step("door_open-1m", MailKind.door_open, Anchor.end, 1, TEN, 21, Unit.months)
DOOR_OPEN_AGAIN = Step("door_open-6m", MailKind.door_open, Anchor.end, 6, TEN, 30, Unit.months)
DEFAULT = "default"
BUILT_INS: dict[str, tuple[Step, ...]] = {
    DEFAULT: (
        THANK_YOU,
        CLOSING,
        SURVEY,
        REMINDER_1,
        REMINDER_2,
        TESTIMONIAL,
        TESTIMONIAL_REMINDER,
        DOOR_OPEN,
        DOOR_OPEN_AGAIN,
    ),
    "short": (THANK_YOU, SURVEY, REMINDER_1),
    "project_finished": (
        CLOSING,
        SURVEY,
        REMINDER_1,
        TESTIMONIAL,
        TESTIMONIAL_REMINDER,
        DOOR_OPEN_AGAIN,
    ),
}
