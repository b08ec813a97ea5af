"""Explain mails in sentences: why one to come goes or does not, and what happened to one."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy import select

from service.clock import now
from service.deliveries.queries.forecast import ComingMail
from service.departures.queries.timeline import Item, said
from service.extensions import db
from service.labels import label, why_later, why_not
from service.mail.kinds import RULES
from service.models import (
    Departure,
    InboundKind,
    InboundMail,
    MailState,
    OutboxMessage,
    Outcome,
    WaitReason,
)
from service.models.steps import Anchor, Condition, Step
from service.protocols.rules.descriptions import (
    condition_in_words,
    counted_from,
    delay_in_words,
    later,
    moment_in_words,
    moved_on,
    step_name,
)
from service.protocols.rules.forecasts import Forecast
from service.protocols.rules.plans import date_of
from service.protocols.rules.situations import Situation, unmet

GOOD = (Outcome.delivered, InboundKind.delivered)
QUIET = (InboundKind.auto_reply, InboundKind.reply)


def why(coming: ComingMail) -> list[str]:
    """Return what decides about `coming`, in the order in which it is asked."""
    if coming.foretold is not None:
        return _of_a_step(*coming.foretold)
    if coming.mail is not None:
        return [
            _("It is written and waits for its time."),
            *_quiet(max(coming.mail.due_at, now()), coming.at),
        ]
    if coming.newsletter is not None:
        return [_("It is scheduled, to those who fit its audience then and may get news.")]
    sentences = [_("It is their day: each year anew, to those who may get greetings then.")]
    return [*sentences, why_not(coming.reason)] if coming.reason else sentences


def _of_a_step(situation: Situation, item: Forecast) -> list[str]:
    step, departure = item.step, situation.departure
    anchor = _anchor_day(situation, item)
    sentences = [_anchored(step, situation, anchor, item)]
    if anchor is not None:
        sentences += _delayed(step, anchor, situation, item)
    if item.is_assumed:
        sentences.append(_("This takes it that the mail before goes on its day."))
    if item.reason is not None:
        return [*sentences, why_not(item.reason)]
    sentences += _quiet(max(item.due_at, now()), item.goes_at)
    sentences += [_condition(condition, situation, item) for condition in step.conditions]
    return [*sentences, _gate(step, departure)]


def _anchor_day(situation: Situation, item: Forecast) -> date | None:
    step = item.step
    if step.anchor.is_date:
        return date_of(step, situation)
    if step.anchor is Anchor.answer and situation.answered_at is not None:
        return situation.day_of(situation.answered_at)
    mail = situation.mails.get(step.after)
    if mail is not None and mail.ended_at is not None:
        return situation.day_of(mail.ended_at)
    return None


def _anchored(step: Step, situation: Situation, day: date | None, item: Forecast) -> str:
    after = situation.step(step.after)
    if step.anchor is not Anchor.step or day is not None:
        return counted_from(step, day, after)
    return str(
        _(
            "%(delay)s after the mail “%(mail)s”: on %(day)s.",
            delay=delay_in_words(step),
            mail=step_name(after) if after else step.after,
            day=format_date(situation.day_of(item.due_at)),
        )
    )


def _delayed(step: Step, anchor: date, situation: Situation, item: Forecast) -> list[str]:
    sentences = [later(step, situation.zone), *moved_on(step, anchor)]
    plain = step.day_after(anchor)
    if situation.day_of(item.due_at) > plain or _was_late(item, plain, situation):
        sentences.append(_("That had passed when the departure was recorded, so it goes at once."))
    return sentences


def _was_late(item: Forecast, plain: date, situation: Situation) -> bool:
    enrolled_at = situation.enrolment.enrolled_at if situation.enrolment else None
    return item.due_at == enrolled_at and situation.day_of(item.due_at) >= plain


def _quiet(due_at: datetime, goes_at: datetime) -> list[str]:
    if goes_at - due_at < timedelta(minutes=1):
        return []
    until = moment_in_words(goes_at)
    return [f"{why_later(WaitReason.quiet_hours)} ({until})"]


def _condition(condition: Condition, situation: Situation, item: Forecast) -> str:
    holds = unmet(condition, situation, item.due_at) is None
    sentence = condition_in_words(condition)
    return f"✓ {sentence}" if holds else sentence


def _gate(step: Step, departure: Departure) -> str:
    if RULES[step.kind].is_transactional:
        return str(_("It is owed to them, so only a dead address stops it."))
    return str(
        _("%(email)s is on no list of those who get no such mail.", email=departure.contact.email)
    )


def story(mail: OutboxMessage, at: datetime) -> list[Item]:
    """Return what happened to `mail` in order, and then what is to come, as of `at`."""
    past = _tried(mail)
    if mail.ended_at is not None:
        past.append(_ended(mail, mail.ended_at))
    came_in = _came_in(mail)
    past += [_told(inbound) for inbound in came_in]
    if mail.outcome is not None and mail.outcome_at is not None and not came_in:
        past.append(_came_of_it(mail, mail.outcome, mail.outcome_at))
    past.sort(key=lambda item: item.at or at)
    written = Item(mail.created_at, "mail", _("Written down"))
    return [written, *past, *_to_come(mail, at)]


def uncertain_words() -> str:
    """Return what it means that nobody knows whether a mail arrived."""
    return str(_("The connection broke off while it was handed over. It may have arrived."))


def _tried(mail: OutboxMessage) -> list[Item]:
    """Tell the handing over, of which the row keeps the last; it began at that moment."""
    if mail.handing_over_at is None:
        return []
    return [Item(mail.handing_over_at, "mail", _("Handed over to the mail server"))]


def _ended(mail: OutboxMessage, at: datetime) -> Item:
    if mail.state is MailState.uncertain:
        words = f"{uncertain_words()}\n{said(mail)}".strip()
        return Item(at, "mail", _("Nobody knows whether it was taken"), words, "late")
    if mail.state is MailState.skipped:
        why = why_not(mail.skip_reason) if mail.skip_reason else ""
        return Item(at, "mail", _("Not sent"), why)
    endings = {
        MailState.sent: (_("The mail server took it"), "good"),
        MailState.failed: (_("It could not be sent"), "late"),
    }
    what, tone = endings.get(mail.state, (_("Stopped by hand"), ""))
    return Item(at, "mail", what, said(mail), tone)


def _came_of_it(mail: OutboxMessage, outcome: Outcome, at: datetime) -> Item:
    tone = "good" if outcome in GOOD else "late"
    return Item(at, "answer", label(outcome), mail.outcome_words, tone)


def _came_in(mail: OutboxMessage) -> Sequence[InboundMail]:
    query = select(InboundMail).where(InboundMail.outbox_id == mail.id)
    return db.session.scalars(query.order_by(InboundMail.received_at, InboundMail.id)).all()


def _told(inbound: InboundMail) -> Item:
    tone = "good" if inbound.kind in GOOD else "" if inbound.kind in QUIET else "late"
    words = [inbound.status_code, inbound.subject, inbound.excerpt]
    why = "\n".join(word for word in words if word)
    return Item(inbound.received_at, "answer", label(inbound.kind), why, tone)


def _to_come(mail: OutboxMessage, at: datetime) -> list[Item]:
    if mail.state is MailState.sending:
        why = _("A worker is at it; if it ends before it is done, another takes over.")
        return [Item(mail.lease_until, "mail", _("On its way"), why, is_coming=True)]
    if mail.state is not MailState.queued:
        return []
    if mail.due_at <= at:
        what = _("Due: goes as soon as a worker takes it")
        coming = [Item(None, "mail", what, said(mail), is_coming=True)]
    else:
        what = _("Goes once more") if mail.attempts else _("Goes")
        coming = [Item(mail.due_at, "mail", what, said(mail), is_coming=True)]
    if mail.expires_at is not None:
        coming.append(
            Item(mail.expires_at, "calendar", _("Does not go after this"), is_coming=True)
        )
    return coming
