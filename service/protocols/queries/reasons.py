"""Why a mail is planned, waits, went or did not go, in sentences. Reads only.

What is said of a mail comes from its own row (mail/decision.py). Looked up beside it are names of
team members, issues of newsletters, and what was noted with a suppression that still stands.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from service.clock import now
from service.current import company
from service.events import rules as event_rules
from service.extensions import db
from service.labels import (
    label,
    source_of_suppression,
    why_later,
    why_not,
    why_suppressed,
)
from service.mail.decision import Decision, Did, Hand, Skip
from service.mail.kinds import RULES
from service.mail.sql import among
from service.models import (
    OPEN_STATES,
    Event,
    IssueState,
    MailKind,
    MailState,
    NewsletterIssue,
    OutboxMessage,
    Outcome,
    SkipReason,
    Stage,
    Suppression,
    TeamMember,
    WaitReason,
)
from service.models.steps import Condition
from service.protocols.rules.causes import (
    OF_KINDS,
    basis_of_news,
    counted,
    of_a_greeting,
    of_an_issue,
    on_basis,
)
from service.protocols.rules.decisions import of_step
from service.protocols.rules.descriptions import (
    BUILT_IN_NAMES,
    condition_in_words,
    moment_in_words,
    step_name,
)
from service.protocols.rules.forecasts import Forecast
from service.protocols.rules.situations import EVENTS_OF, Situation, reason_of, unmet

BACK = (Outcome.soft_bounced, Outcome.hard_bounced)
TRIED = (MailState.sent, MailState.uncertain, MailState.failed)

# What the event of a stage that ended the farewell has as its detail: the stage it went to.
_STAGES = {SkipReason.retained: Stage.retained, SkipReason.returned: Stage.returned}


@dataclass(frozen=True, slots=True)
class Known:
    """What is looked up beside the rows of a page of mails."""

    names: Mapping[int, str] = field(default_factory=dict)  # of team members
    issues: Mapping[int, NewsletterIssue] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)  # of suppressions, by public id

    def name(self, member_id: int | None) -> str:
        """Return the name of a team member; empty when there is none."""
        return self.names.get(member_id or 0, "")


def known_of(mails: Iterable[OutboxMessage]) -> Known:
    """Look up what `mails` are explained with, in three queries at most, however many they are."""
    mails = list(mails)
    decisions = [Decision.of(mail.decision) for mail in mails]
    skips = [decision.refused for decision in decisions if decision.refused]
    hands = [hand.by for decision in decisions for hand in decision.hands]
    members = {member_id for member_id in [*hands, *(skip.by for skip in skips)] if member_id}
    listed = {skip.listed for skip in skips if skip.listed}
    issues = {mail.issue_id for mail in mails if mail.issue_id is not None}
    return Known(_names(members), _issues(issues), _notes(listed))


def _names(ids: set[int]) -> dict[int, str]:
    query = select(TeamMember.id, TeamMember.name).where(among(TeamMember.id, ids))
    return dict(db.session.execute(query).all()) if ids else {}


def _issues(ids: set[int]) -> dict[int, NewsletterIssue]:
    query = select(NewsletterIssue).where(among(NewsletterIssue.id, ids))
    query = query.options(joinedload(NewsletterIssue.newsletter))
    return {row.id: row for row in db.session.scalars(query)} if ids else {}


def _notes(public_ids: set[str]) -> dict[str, str]:
    columns = select(Suppression.public_id, Suppression.detail)
    query = columns.where(among(Suppression.public_id, public_ids))
    return dict(db.session.execute(query).all()) if public_ids else {}


def question(mail: OutboxMessage) -> str:
    """Return what why() answers: why the reader is to get it, got it, or why not."""
    name = mail.contact.first_name if mail.contact else mail.member.name if mail.member else "?"
    if mail.state in OPEN_STATES or mail.is_held:
        return str(_("Why is %(name)s to get this?", name=name))
    may_have_it = mail.state in (MailState.sent, MailState.uncertain) and mail.outcome not in BACK
    if may_have_it:
        return str(_("Why did %(name)s get this?", name=name))
    return str(_("Why did %(name)s not get this?", name=name))


def why(mail: OutboxMessage, known: Known) -> list[str]:
    """Return why a mail waits, went or did not, in the order in which it was decided."""
    told = _Told(mail, Decision.of(mail.decision), known)
    if mail.state in OPEN_STATES:
        waits = _("It is written and waits for its time.")
        return [*told.asked_for(), str(waits), *told.looked_after()]
    if mail.is_held:
        return [*told.asked_for(), held_until(mail), *told.looked_after()]
    return [*told.asked_for(), *told.decided(), *told.looked_after()]


def why_in_short(mail: OutboxMessage) -> str:
    """Return why a skipped mail did not go, in one sentence; nothing for any other."""
    if mail.state is not MailState.skipped:
        return ""
    skip = _skip_of(mail, Decision.of(mail.decision))
    return why_suppressed(skip.why) if skip.why else why_not(skip.reason)


def held_until(mail: OutboxMessage) -> str:
    """Return by when somebody has to decide about a held mail."""
    until = moment_in_words(mail.expires_at or mail.due_at)
    return str(
        _("It waits for one of you to let it go; after %(moment)s it never goes.", moment=until)
    )


def in_doubt() -> str:
    """Return what it means that a mail is uncertain."""
    return str(_("The connection broke off while it was handed over. It may have arrived."))


def server_said(mail: OutboxMessage) -> str:
    """Return the last answer of the mail server as a sentence; empty when there is none."""
    if not mail.server_words:
        return ""
    return str(_("The mail server said: %(words)s", words=mail.server_words))


def why_planned(situation: Situation, item: Forecast) -> list[str]:
    """Return what decides about the mail of a step that is to come, in the order it is asked."""
    step, reader = item.step, situation.departure.contact
    decision = of_step(step, situation, item.due_at, now())
    sentences = [*counted(decision, situation.day_of(item.due_at))]
    if decision.is_late:
        late = _("That had passed when the departure was recorded, so it is owed already.")
        sentences.append(str(late))
    if item.is_assumed:
        sentences.append(str(_("This takes it that the mail before goes on its day.")))
    if item.reason is not None:
        return [*sentences, why_not(item.reason)]
    sentences += goes_later(max(item.due_at, now()), item.goes_at, item.waits_for)
    for condition in decision.conditions:
        mark = "" if unmet(condition, situation, item.due_at) else "✓ "
        sentences.append(mark + condition_in_words(condition))
    if RULES[step.kind].is_transactional:
        return [*sentences, _owed()]
    gate = _("%(email)s is on no list of those who get no such mail.", email=reader.email)
    return [*sentences, str(gate)]


def goes_later(
    due_at: datetime, goes_at: datetime, why: WaitReason = WaitReason.business_hours
) -> list[str]:
    """Say that a mail to come goes later than it is due, and why, in a list, if it does."""
    if goes_at - due_at < timedelta(minutes=1):
        return []
    return [_later(why, goes_at)]


def _later(why: WaitReason, until: datetime) -> str:
    return f"{why_later(why)} ({moment_in_words(until)})"


def _owed() -> str:
    return str(_("It is owed to them, so only a dead address stops it."))


def _skip_of(mail: OutboxMessage, decision: Decision) -> Skip:
    reason = mail.skip_reason or SkipReason.by_provider
    kept = decision.refused
    return kept if kept is not None and kept.reason is reason else Skip(reason)


# What is said of a wait when it is over; of the others what is said while they last.
WAITED: dict[WaitReason, Any] = {
    WaitReason.quiet_hours: _l("These were quiet hours for them, so it waited until %(moment)s."),
    WaitReason.business_hours: _l(
        "It was not business hours where they are, so it waited until %(moment)s."
    ),
    WaitReason.one_a_day: _l(
        "Another mail of the farewell went to them that day, so it waited until %(moment)s."
    ),
}


@dataclass(frozen=True, slots=True)
class _Told:
    """One mail, as its row tells it."""

    mail: OutboxMessage
    decision: Decision
    known: Known

    @property
    def is_old(self) -> bool:
        """Whether it was written before reasons were; an issue tells of its mails by itself."""
        return self.decision.due is None and self.mail.issue_id is None

    @property
    def moment(self) -> str:
        """When it was decided."""
        return moment_in_words(self.mail.ended_at or self.mail.due_at)

    def asked_for(self) -> Iterator[str]:
        """Say what asked for the mail, when that was to be, and what put it off."""
        decision, step = self.decision, self.decision.step
        if self.is_old and self.mail.state not in OPEN_STATES:
            yield _("This was decided before reasons were written down; what is known follows.")
        by_hand = next((hand for hand in decision.hands if hand.did is Did.sent), None)
        is_by_hand = bool(by_hand or self.mail.context.get("by_hand"))
        if is_by_hand:
            yield self._by_hand(by_hand)
        if step is not None:
            name = decision.name or str(BUILT_IN_NAMES.get(decision.protocol, decision.protocol))
            yield _("Step “%(step)s” of the protocol “%(name)s”.", step=step_name(step), name=name)
        else:
            yield from self._written_for()
        if not is_by_hand and (step is not None or self.is_old):
            yield from self._scheduled()
        for wait in decision.waits:
            yield self._waited(wait.why, wait.until)

    def decided(self) -> Iterator[str]:
        """Say what let it go, or what kept it, and what became of it."""
        yield from self._conditions()
        if self.mail.state is MailState.skipped:
            yield from self._skipped()
        elif self.mail.state is MailState.cancelled:
            yield self._cancelled()
        else:
            yield from self._allowed()
            yield from self._tried()

    def looked_after(self) -> Iterator[str]:
        """Say who decided about it after it had failed, or when nobody knew."""
        kept = (Did.sent_again, Did.sent_after_all, Did.said_it_arrived)
        for hand in self.decision.hands:
            name, moment = self.known.name(hand.by), moment_in_words(hand.at)
            if hand.did is Did.held:
                by = _("by %(name)s", name=name) if name else _("on the command line")
                yield _("It was held back on %(moment)s, %(by)s.", moment=moment, by=by)
            elif hand.did is Did.released:
                yield _("%(name)s let it go on %(moment)s.", name=name or "?", moment=moment)
            elif hand.did in kept and name:
                yield _("%(name)s looked after it on %(moment)s.", name=name, moment=moment)

    def _scheduled(self) -> Iterator[str]:
        decision = self.decision
        if decision.day is None:
            due_at = decision.due or self.mail.due_at
            yield _("It was due on %(moment)s.", moment=moment_in_words(due_at))
            return
        yield from counted(decision, decision.day)
        if decision.is_late:
            yield _("That had passed when the departure was recorded, so it was owed at once.")

    def _waited(self, why: WaitReason, until: datetime) -> str:
        is_over = self.mail.state not in OPEN_STATES or until <= now()
        if why not in WAITED or not is_over:
            return _later(why, until)
        return str(WAITED[why]) % {"moment": moment_in_words(until)}

    def _conditions(self) -> Iterator[str]:
        """Say which conditions held: all, or those before the one that did not."""
        asked: tuple[Condition, ...] = self.decision.conditions
        reason = self.mail.skip_reason
        failing = next((one for one in asked if reason_of(one) is reason), None)
        if self.mail.state not in TRIED and failing is None:
            return
        for condition in asked:
            words = condition_in_words(condition)
            if condition is failing and self.mail.state not in TRIED:
                yield _("Did not hold: %(condition)s", condition=words)
                return
            yield _("Held: %(condition)s", condition=words)

    def _tried(self) -> Iterator[str]:
        mail = self.mail
        if mail.state is MailState.sent:
            yield _("The mail server took it on %(moment)s.", moment=self.moment)
        elif mail.state is MailState.failed:
            yield _("It was given up on %(moment)s.", moment=self.moment)
        else:
            yield in_doubt()
        if mail.attempts > 1:
            yield ngettext("It took %(num)s try.", "It took %(num)s tries.", mail.attempts)
        if answer := server_said(mail):
            yield answer
        if mail.outcome is not None:
            at = f", {moment_in_words(mail.outcome_at)}" if mail.outcome_at else ""
            yield f"{label(mail.outcome)[0].upper()}{label(mail.outcome)[1:]}{at}."

    def _by_hand(self, hand: Hand | None) -> str:
        name = self.known.name(hand.by) if hand else ""
        if hand is None or not name:
            return str(_("Somebody of your team sent it by hand."))
        moment = moment_in_words(hand.at)
        return str(_("%(name)s sent it by hand on %(moment)s.", name=name, moment=moment))

    def _written_for(self) -> Iterator[str]:
        """Say what asked for a mail that is no step's, or of which the step is not kept."""
        if self.mail.kind is MailKind.newsletter:
            yield from of_an_issue(self.known.issues.get(self.mail.issue_id or 0))
        elif self.mail.kind is MailKind.greeting:
            yield from of_a_greeting(self.mail, self.decision)
        elif self.mail.kind in OF_KINDS:
            yield str(OF_KINDS[self.mail.kind])
        elif self.mail.step:
            yield _("Which protocol asked for it is not kept.")

    def _allowed(self) -> Iterator[str]:
        """Say on what grounds a mail that was tried could be written to its reader."""
        contact, rules = self.mail.contact, RULES[self.mail.kind]
        if contact is None:
            yield _("It is for your team, so no list and no limit holds it back.")
        elif rules.is_transactional:
            yield _owed()
        else:
            yield _("%(email)s was on no list of those who get no such mail.", email=contact.email)
            if self.decision.basis is not None:
                yield on_basis(self.decision.basis, self.decision.since)
            elif self.mail.issue_id is not None:
                yield on_basis(*basis_of_news(contact, self.mail, company().zone))

    def _cancelled(self) -> str:
        """Say who stopped it, or that its issue was cancelled."""
        hand = next((one for one in reversed(self.decision.hands) if one.did is Did.stopped), None)
        if hand is not None and (name := self.known.name(hand.by)):
            return str(_("%(name)s stopped it on %(moment)s.", name=name, moment=self.moment))
        issue = self.known.issues.get(self.mail.issue_id or 0)
        if issue is not None and issue.state is IssueState.cancelled:
            return str(_("Its issue was cancelled on %(moment)s.", moment=self.moment))
        return str(
            _("It was stopped by hand on %(moment)s; by whom is not kept.", moment=self.moment)
        )

    def _skipped(self) -> Iterator[str]:
        """Say why it did not go: the reason, and then the fact behind it."""
        skip = _skip_of(self.mail, self.decision)
        if self.mail.kind is MailKind.greeting and skip.reason is SkipReason.by_provider:
            yield _("The greeting was switched off before it went.")
        elif self.mail.issue_id is not None and skip.reason is SkipReason.withdrawn:
            yield _("Its issue was cancelled before it went.")
        elif skip.reason is SkipReason.by_provider and skip.at and self.known.name(skip.by):
            name, moment = self.known.name(skip.by), moment_in_words(skip.at)
            yield _("%(name)s skipped it on %(moment)s.", name=name, moment=moment)
        else:
            yield why_suppressed(skip.why) if skip.why else why_not(skip.reason)
            fact = _FACTS.get(skip.reason, _Told._event)
            yield from fact(self, skip)

    def _event(self, skip: Skip) -> Iterator[str]:
        if skip.reason not in EVENTS_OF or skip.at is None:
            return
        stage = _STAGES.get(skip.reason)
        detail = f">{stage}" if stage else skip.protocol
        happened = event_rules.sentence(Event(kind=EVENTS_OF[skip.reason], detail=detail))
        who = filter(None, [moment_in_words(skip.at), self.known.name(skip.by)])
        yield f"{happened}: {', '.join(who)}."

    def _listed(self, skip: Skip) -> Iterator[str]:
        if skip.at is None:
            return
        moment, source = moment_in_words(skip.at), source_of_suppression(skip.source)
        if source:
            yield _(
                "On the list of those who get no mail since %(moment)s: %(source)s.",
                moment=moment,
                source=source,
            )
        else:
            yield _("On the list of those who get no mail since %(moment)s.", moment=moment)
        yield from self._noted(skip)
        if note := self.known.notes.get(skip.listed):
            yield f"“{note}”"

    def _refused(self, skip: Skip) -> Iterator[str]:
        if skip.at is None:
            return
        source = source_of_suppression(skip.source)
        moment = moment_in_words(skip.at)
        yield _("They said no on %(moment)s: %(source)s.", moment=moment, source=source)
        yield from self._noted(skip)

    def _noted(self, skip: Skip) -> Iterator[str]:
        if name := self.known.name(skip.by):
            yield _("%(name)s wrote it down.", name=name)

    def _left(self, skip: Skip) -> Iterator[str]:
        if skip.left_on is None:
            return
        day = format_date(skip.left_on)
        if skip.last_on is None:
            yield _("They leave or left on %(day)s.", day=day)
            return
        yield _(
            "They left on %(day)s; %(last)s was the last day to write to them without a yes.",
            day=day,
            last=format_date(skip.last_on),
        )

    def _expired(self, skip: Skip) -> Iterator[str]:
        ends_at, due_at = skip.at or self.mail.expires_at, self.decision.due
        if ends_at is None:
            return
        until = moment_in_words(ends_at)
        if due_at is None:
            yield _("It could go until %(moment)s.", moment=until)
            return
        yield ngettext(
            "It could go until %(moment)s, %(num)s day after its time.",
            "It could go until %(moment)s, %(num)s days after its time.",
            (ends_at - due_at).days,
            moment=until,
        )


# The facts behind a reason; those that are not here have the event behind them, if one is.
_FACTS: dict[SkipReason, Callable[[_Told, Skip], Iterator[str]]] = {
    SkipReason.suppressed: _Told._listed,
    SkipReason.no_consent: _Told._refused,
    SkipReason.basis_ended: _Told._left,
    SkipReason.left_recently: _Told._left,
    SkipReason.expired: _Told._expired,
}
