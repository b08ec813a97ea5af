"""The farewell protocol of now, as data. What it comes to for a departure is in plans.py."""

from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum

from service.models.outbox import MailKind
from service.models.surveys import InvitationKind

NINE = time(9)
TEN = time(10)


class Anchor(StrEnum):
    """What a step's days are counted from."""

    notice = "notice"
    end = "end"
    survey_sent = "survey_sent"
    answered = "answered"
    testimonial_sent = "testimonial_sent"


@dataclass(frozen=True, slots=True)
class Step:
    """One mail of a protocol: `days` after the anchor's local day, at the local time `at`.

    One that could not go within `stale_after` of its time goes no more. `only_if` names the
    conditions (plans.CONDITIONS), each asked at its time; `invites_to` is the link that the mail
    opens; `under` is the step whose mail it is threaded under.
    """

    name: str
    kind: MailKind
    anchor: Anchor
    days: int
    at: time
    stale_after: timedelta
    only_if: tuple[str, ...] = ()
    invites_to: InvitationKind | None = None
    under: str | None = None

    @property
    def counts_from_dates(self) -> bool:
        """Whether its anchor is a date of the departure, not something that happens."""
        return self.anchor in (Anchor.notice, Anchor.end)


# The first reminder is stale before the second is due, so that an outage never sends both at once.
DEFAULT = (
    Step("thank_you", MailKind.thank_you, Anchor.notice, 1, NINE, timedelta(days=14)),
    Step(
        "survey_invitation",
        MailKind.survey_invitation,
        Anchor.end,
        1,
        TEN,
        timedelta(days=21),
        invites_to=InvitationKind.survey,
    ),
    Step(
        "survey_reminder_1",
        MailKind.survey_reminder_1,
        Anchor.survey_sent,
        3,
        TEN,
        timedelta(days=2),
        ("unanswered", "survey_open"),
        under="survey_invitation",
    ),
    Step(
        "survey_reminder_2",
        MailKind.survey_reminder_2,
        Anchor.survey_sent,
        7,
        TEN,
        timedelta(days=7),
        ("unanswered", "survey_open"),
        under="survey_invitation",
    ),
    Step(
        "testimonial_request",
        MailKind.testimonial_request,
        Anchor.answered,
        1,
        NINE,
        timedelta(days=14),
        ("no_testimonial", "no_recovery", "no_quality_reason"),
        invites_to=InvitationKind.testimonial,
    ),
    Step(
        "testimonial_reminder",
        MailKind.testimonial_reminder,
        Anchor.testimonial_sent,
        5,
        NINE,
        timedelta(days=7),
        ("no_testimonial", "no_recovery", "testimonial_open"),
        under="testimonial_request",
    ),
)
STEPS = {step.name: step for step in DEFAULT}
