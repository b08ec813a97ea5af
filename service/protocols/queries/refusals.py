"""Why a mail was left out or stopped: the reason with who, when, and by which rule. Words only."""

from collections.abc import Callable, Iterator
from datetime import datetime

from flask_babel import format_date, ngettext
from flask_babel import gettext as _

from service.events import rules as event_rules
from service.labels import source_of_suppression, why_not, why_suppressed
from service.mail.policy.legal_basis import last_day
from service.models import (
    Event,
    EventKind,
    IssueState,
    MailKind,
    MailState,
    OutboxMessage,
    SkipReason,
)
from service.protocols.queries import moments
from service.protocols.queries.evidence import SLACK, Evidence

# The events of the departure that a reason comes from; the last one before the decision is told.
TOLD_BY: dict[SkipReason, tuple[EventKind, ...]] = {
    SkipReason.answered: (EventKind.answer_sent,),
    SkipReason.recovery_open: (EventKind.recovery_opened,),
    SkipReason.testimonial_given: (EventKind.testimonial_submitted,),
    SkipReason.withdrawn: (EventKind.testimonial_withdrawn,),
    SkipReason.retained: (EventKind.stage_changed,),
    SkipReason.returned: (EventKind.stage_changed,),
    SkipReason.protocol_stopped: (EventKind.protocol_stopped,),
    SkipReason.step_gone: (EventKind.protocol_changed,),
}


def why(mail: OutboxMessage, known: Evidence, due_at: datetime | None) -> Iterator[str]:
    """Say why a skipped mail did not go; `due_at` is when it was to go at first, if known."""
    reason = mail.skip_reason or SkipReason.by_provider
    explain = _TELLING.get(reason)
    if explain is not None:
        yield from explain(mail, known, due_at)
        return
    yield why_not(reason)
    if event := _last(mail, known, TOLD_BY.get(reason, ())):
        yield told(event)


def cancelled(mail: OutboxMessage, known: Evidence) -> str:
    """Say who stopped it, as the timeline was told in the same transaction."""
    ended_at = mail.ended_at or mail.due_at
    moment = moments.in_words(ended_at)
    for event in known.events_of(mail, EventKind.mail_resolved):
        is_of_it = event.detail in (mail.step, mail.kind) and abs(event.at - ended_at) <= SLACK
        if is_of_it and event.member is not None:
            name = event.member.name
            return str(_("%(name)s stopped it on %(moment)s.", name=name, moment=moment))
    issue = known.issues.get(mail.issue_id or 0)
    if issue is not None and issue.state is IssueState.cancelled:
        return str(_("Its issue was cancelled on %(moment)s.", moment=moment))
    return str(_("It was stopped by hand on %(moment)s; by whom is not kept.", moment=moment))


def told(event: Event) -> str:
    """Say an event with its day and who did it."""
    moment = moments.in_words(event.at)
    who = f", {event.member.name}" if event.member else ""
    return f"{event_rules.sentence(event)}: {moment}{who}."


def _last(mail: OutboxMessage, known: Evidence, kinds: tuple[EventKind, ...]) -> Event | None:
    until = (mail.ended_at or mail.due_at) + SLACK
    before = [event for event in known.events_of(mail, *kinds) if event.at <= until]
    return before[-1] if before else None


def _suppressed(mail: OutboxMessage, known: Evidence, _due_at: datetime | None) -> Iterator[str]:
    change = known.stopping.get(mail.id)
    if change is None:
        yield why_not(SkipReason.suppressed)
        return
    yield why_suppressed(change.reason)
    moment = moments.in_words(change.at)
    yield _listed(moment, source_of_suppression(change.source))
    if change.member is not None:
        yield _("%(name)s wrote it down.", name=change.member.name)
    if change.why:
        yield f"“{change.why}”"


def _listed(moment: str, source: str) -> str:
    if not source:
        return str(_("On the list of those who get no mail since %(moment)s.", moment=moment))
    return str(
        _(
            "On the list of those who get no mail since %(moment)s: %(source)s.",
            moment=moment,
            source=source,
        )
    )


def _no_consent(mail: OutboxMessage, known: Evidence, _due_at: datetime | None) -> Iterator[str]:
    yield why_not(SkipReason.no_consent)
    said = known.refusals.get(mail.id)
    if said is None:
        return
    moment = moments.in_words(said.given_at)
    source = source_of_suppression(said.channel)
    yield _("They said no on %(moment)s: %(source)s.", moment=moment, source=source)
    if said.member is not None:
        yield _("%(name)s wrote it down.", name=said.member.name)


def _basis_ended(mail: OutboxMessage, known: Evidence, _due_at: datetime | None) -> Iterator[str]:
    yield why_not(SkipReason.basis_ended)
    contact, ended_at = mail.contact, mail.ended_at or mail.due_at
    end = last_day(contact, known.company) if contact else None
    if contact is None or contact.left_on is None or end is None:
        return
    if end < ended_at.astimezone(known.company.zone).date():  # else a sign of life came since
        yield _(
            "They left on %(day)s; %(last)s was the last day to write to them without a yes.",
            day=format_date(contact.left_on),
            last=format_date(end),
        )


def _left_recently(
    mail: OutboxMessage, _known: Evidence, _due_at: datetime | None
) -> Iterator[str]:
    yield why_not(SkipReason.left_recently)
    if mail.contact is not None and mail.contact.left_on is not None:
        yield _("They leave or left on %(day)s.", day=format_date(mail.contact.left_on))


def _expired(mail: OutboxMessage, _known: Evidence, due_at: datetime | None) -> Iterator[str]:
    yield why_not(SkipReason.expired)
    if mail.expires_at is None:
        return
    until = moments.in_words(mail.expires_at)
    if due_at is None:
        yield _("It could go until %(moment)s.", moment=until)
        return
    days = (mail.expires_at - due_at).days
    yield ngettext(
        "It could go until %(moment)s, %(num)s day after its time.",
        "It could go until %(moment)s, %(num)s days after its time.",
        days,
        moment=until,
    )


def _by_provider(mail: OutboxMessage, known: Evidence, _due_at: datetime | None) -> Iterator[str]:
    if mail.kind is MailKind.greeting:
        yield _("The greeting was switched off before it went.")
        return
    for event in known.events_of(mail, EventKind.step_skipped):
        is_of_it = event.detail == mail.step and mail.state is MailState.skipped
        if is_of_it and abs(event.at - (mail.ended_at or event.at)) <= SLACK and event.member:
            yield _(
                "%(name)s skipped it on %(moment)s.",
                name=event.member.name,
                moment=moments.in_words(event.at),
            )
            return
    yield why_not(SkipReason.by_provider)


def _withdrawn(mail: OutboxMessage, known: Evidence, _due_at: datetime | None) -> Iterator[str]:
    if mail.issue_id in known.issues:
        yield _("Its issue was cancelled before it went.")
        return
    yield why_not(SkipReason.withdrawn)
    if event := _last(mail, known, TOLD_BY[SkipReason.withdrawn]):
        yield told(event)


_Telling = Callable[[OutboxMessage, Evidence, datetime | None], Iterator[str]]
_TELLING: dict[SkipReason, _Telling] = {
    SkipReason.suppressed: _suppressed,
    SkipReason.no_consent: _no_consent,
    SkipReason.basis_ended: _basis_ended,
    SkipReason.left_recently: _left_recently,
    SkipReason.expired: _expired,
    SkipReason.by_provider: _by_provider,
    SkipReason.withdrawn: _withdrawn,
}
