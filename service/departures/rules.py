"""What a person may do with the farewell mails of a departure. Pure."""

from dataclasses import dataclass

from service.models.departures import EnrolmentState
from service.protocols.rules.situations import Situation


@dataclass(frozen=True, slots=True)
class MailControls:
    """Which actions on its farewell mails a departure offers, and whether they are paused."""

    is_adjustable: bool
    is_paused: bool
    can_start: bool
    can_pause: bool
    can_stop: bool
    can_resume: bool
    can_change_protocol: bool


def mail_controls(situation: Situation) -> MailControls:
    """Return the actions for a departure; none for sample data, and none once it is over."""
    departure, enrolment = situation.departure, situation.enrolment
    state = enrolment.state if enrolment else None
    is_adjustable = not departure.client.is_sample and not departure.is_over
    has_begun = is_adjustable and enrolment is not None and not departure.is_history
    return MailControls(
        is_adjustable=is_adjustable,
        is_paused=state is EnrolmentState.paused,
        can_start=is_adjustable and not has_begun,
        can_pause=has_begun and state is EnrolmentState.active,
        can_stop=has_begun and state in (EnrolmentState.active, EnrolmentState.paused),
        can_resume=has_begun and state in (EnrolmentState.stopped, EnrolmentState.paused),
        can_change_protocol=is_adjustable and enrolment is not None,
    )
