"""What is still open in a departure, and what a person may do with its farewell mails. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from flask_babel import gettext as _

from service.models.departures import Departure, EnrolmentState, Stage
from service.models.talk_requests import Channel
from service.protocols.rules.situations import Situation

APOLOGY_WAYS = (Channel.in_person, Channel.video, Channel.phone)  # the best first, and never a mail
_BUT = re.compile(r"\b(but|pero)\b", re.IGNORECASE)


class OpenThing(StrEnum):
    """What may be open in a departure."""

    recovery = "recovery"
    closing = "closing"  # nobody has closed it yet


def open_things(departure: Departure) -> list[OpenThing]:
    """Return what has to be settled before `departure` can be closed; empty when it can be."""
    recovery = departure.recovery
    return [OpenThing.recovery] if recovery is not None and recovery.is_open else []


def still_open(departure: Departure, day: date) -> list[OpenThing]:
    """Return what is open on `day` though its stage, or its end date, says that it is over.

    The end date itself still belongs to the work together.
    """
    if departure.is_over:
        return []
    if departure.stage is Stage.closed:
        return open_things(departure)
    if departure.end_on is None or departure.end_on >= day:
        return []
    return [*open_things(departure), OpenThing.closing]


def standing(departure: Departure, day: date) -> str:
    """Return what to add to the stage on `day` so that it says what is so; mostly nothing."""
    found = still_open(departure, day)
    if not found:
        return ""
    if departure.stage is Stage.closed:
        return str(_("still open: %(things)s", things=in_words(found)))
    return str(_("ended, still open: %(things)s", things=in_words(found)))


def in_words(things: Sequence[OpenThing]) -> str:
    """Return the names of `things` as they stand in a sentence."""
    names = {
        OpenThing.recovery: _("what went wrong"),
        OpenThing.closing: _("the closing"),
    }
    return ", ".join(str(names[thing]) for thing in things)


def stages_for(departure: Departure) -> list[Stage]:
    """Return the stages to which a person may move `departure`, its own included."""
    kept = departure.stage is Stage.closed or not open_things(departure)
    return [stage for stage in Stage if kept or stage is not Stage.closed]


def with_buts(text: str) -> list[tuple[str, bool]]:
    """Return `text` in pieces, each with whether it is a "but": an apology has none."""
    return [(piece, bool(place % 2)) for place, piece in enumerate(_BUT.split(text)) if piece]


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
