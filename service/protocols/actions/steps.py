"""One step of a departure's protocol, decided by a person: send it now, skip it, put it back."""

from flask_babel import gettext as _

from service.clock import now
from service.errors import Conflict, Refused
from service.events.actions import record_event
from service.extensions import db
from service.labels import why_not
from service.models import Departure, EventKind, MailState, OutboxMessage, SkipReason, TeamMember
from service.models.steps import Step
from service.protocols.actions.writing import Owed, locked, revive, write
from service.protocols.rules.plans import can_be_threaded, plan, why_not_by_hand
from service.protocols.rules.situations import Situation


def send_now(departure: Departure, name: str, by: TeamMember) -> OutboxMessage:
    """Write one step's mail to go at once; raises Refused when it may not, with the reason."""
    situation = locked(departure)
    step, at = _step(situation, name), now()
    standing = situation.mails.get(name)
    if standing is not None and standing.state not in (MailState.skipped, MailState.cancelled):
        raise Conflict(_("This mail is already written. Somebody of your team was faster."))
    reason = why_not_by_hand(step, situation, at)
    if reason is not None:
        raise Refused(why_not(reason))
    if not can_be_threaded(step, situation):
        raise Refused(_("The mail that it reminds of has not been sent yet."))
    mail = write(Owed(step, situation, at, context={"by_hand": True}))
    if mail is None:
        raise Conflict(_("This mail is already written. Somebody of your team was faster."))
    if mail.skip_reason is not None:
        raise Refused(why_not(mail.skip_reason))
    revive(situation.enrolment)
    record_event(departure, EventKind.step_sent_now, by, name)
    db.session.flush()
    return mail


def skip(departure: Departure, name: str, by: TeamMember) -> None:
    """Decide that one coming step does not go; put_back takes it back."""
    situation = locked(departure)
    step = _step(situation, name)
    item = next((item for item in plan(situation, now()) if item.step is step), None)
    if item is None:
        raise Conflict(_("This mail is already written. Somebody of your team was faster."))
    write(Owed(step, situation, item.due_at or now(), SkipReason.by_provider))
    record_event(departure, EventKind.step_skipped, by, name)
    revive(situation.enrolment)
    db.session.flush()


def put_back(departure: Departure, name: str, by: TeamMember) -> None:
    """Take a skip by the provider back: the step is planned as if it had never been skipped."""
    situation = locked(departure)
    mail = situation.mails.get(_step(situation, name).name)
    if mail is None:
        return
    if mail.skip_reason is not SkipReason.by_provider:
        raise Conflict(_("There is nothing to put back: this mail was not skipped by hand."))
    db.session.delete(mail)
    record_event(departure, EventKind.step_put_back, by, name)
    revive(situation.enrolment)
    db.session.flush()


def _step(situation: Situation, name: str) -> Step:
    step = situation.step(name)
    if step is None:
        raise Refused(_("The protocol has no such step."))
    return step
