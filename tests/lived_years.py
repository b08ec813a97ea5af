"""A year of random farewells as it happens on one database: people act, the clock ticks, mails go.

The service is the real one, and so is the SMTP server; only the time is moved. Of the weeks that
are not lived in full, mails are only marked as sent, and the clock leaves out what no farewell asks
for: all else is the same. What must come of it is told elsewhere (tests/years.py).
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser
from itertools import count
from typing import Any
from unittest.mock import patch

import time_machine
from sqlalchemy import func, select

from service import scheduler, tasks
from service.clock import now
from service.departures.actions import departures, recoveries
from service.departures.actions.departures import Facts
from service.errors import Refused
from service.extensions import db
from service.mail.decision import Decision
from service.mail.delivery import leases, prepared
from service.mail.policy import suppressions
from service.models import (
    Contact,
    Departure,
    Enrolment,
    EnrolmentState,
    Invitation,
    InvitationKind,
    MailKind,
    MailState,
    OutboxMessage,
    Reason,
    Recovery,
    Stage,
    SuppressionReason,
    TeamMember,
    Testimonial,
)
from service.models.steps import Anchor, Condition, Step, Unit
from service.protocols.actions import enrolments
from service.surveys.actions import responses
from tests import builders, years
from tests.mailboxes import Mailbox
from tests.years import Entry, Life, Row, World

Handed = Counter[tuple[str, str]]  # how often which Message-ID was handed over to whom


@dataclass
class Record:
    """What became of a year: of the steps, of all else, and which mails really went.

    Of these there is what the outbox says, and what the SMTP server took.
    """

    steps: list[Entry] = field(default_factory=list)
    rest: list[Entry] = field(default_factory=list)
    sent: Handed = field(default_factory=Counter)
    taken: Handed = field(default_factory=Counter)
    untold: list[Entry] = field(default_factory=list)  # whose row does not say why


def a_step(row: Row) -> Step:
    """The service's step for the test's row."""
    return Step(
        row.name,
        MailKind(row.kind),
        Anchor(row.anchor),
        row.count,
        row.at,
        row.stale,
        Unit(row.unit),
        row.after,
        frozenset(row.weekdays),
        tuple(Condition(name) for name in row.asks),
    )


class Year:
    """The world as it happens: people do things at their moments, and the clock ticks if it can."""

    def __init__(self, world: World, in_full: timedelta) -> None:
        self.world = world
        self.in_full = in_full  # how long before and after the changes of the clocks
        self.changes = years.changes_of_clocks(world.zone)
        self.coming: list[tuple[datetime, int, Callable[[], None]]] = []
        self.numbers = count()
        self.hints = defaultdict[str, list[int]](list)  # what a worker was woken for, by the task
        self.numbers_of: dict[int, int] = {}  # each life's number, by its departure's id
        self.ids: dict[int, int] = {}  # and the other way round
        self.protocols: dict[tuple[Row, ...], int] = {}
        office = {"business_from": years.NINE, "business_until": years.NINETEEN}
        builders.a_company(
            time_zone=world.zone.key, business_days="01234", holiday_country="ES", **office
        )
        self.by = builders.a_member().id
        for rows in {life.rows: None for life in world.lives}:
            self.protocols[rows] = builders.a_protocol(steps=tuple(map(a_step, rows))).id
        for life in world.lives:
            self.at(life.recorded_at, lambda life=life: self.record(life))
        db.session.commit()

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self.coming, (moment, next(self.numbers), action))

    def wake(self, task: str, *about: Any) -> bool:
        """Take the place of Redis: keep a hint for the worker, who is next."""
        self.hints[task] += about[0]
        return True

    def run(self) -> None:
        """Go from one thing that happens to the next, until the year is over."""
        with time_machine.travel(self.coming[0][0], tick=False) as clock:
            while True:
                tick_at = self.next_tick()
                event_at = self.coming[0][0] if self.coming else years.END
                if min(event_at, tick_at) >= years.END:
                    return
                clock.move_to(min(event_at, tick_at))
                if event_at <= tick_at:
                    while self.coming and self.coming[0][0] == event_at:
                        heapq.heappop(self.coming)[2]()
                    db.session.commit()
                else:
                    self.tick()
                self.work()

    def is_in_full(self) -> bool:
        return any(abs(now() - change) <= self.in_full for change in self.changes)

    def tick(self) -> None:
        if self.is_in_full():
            scheduler.tick()
            return
        newsletters = patch.object(scheduler, "_send_newsletters", lambda *_: 0)
        with newsletters, patch.object(scheduler.troubles, "watch", list):
            scheduler.tick()

    def next_tick(self) -> datetime:
        """When the clock ticks next: never while it is down."""
        active = Enrolment.state == EnrolmentState.active
        asked_at = db.session.scalar(select(func.min(Enrolment.next_at)).where(active))
        is_waiting = OutboxMessage.state == MailState.queued
        due_at = db.session.scalar(select(func.min(OutboxMessage.due_at)).where(is_waiting))
        db.session.rollback()
        moments = [moment for moment in (asked_at, due_at) if moment]
        return self.world.up(max(min(moments), now())) if moments else years.END

    def work(self) -> None:
        """Be the worker who was woken: hand over what is due. People answer it later.

        The worker is down when the clock is: whoever woke it would send what waits for the clock.
        """
        if self.world.up(now()) > now():
            return
        while due := self.hints.pop("service.tasks.advance", []):
            tasks.advance(due)
        ids = self.hints.pop("service.tasks.deliver", [])
        if not ids:
            return
        if self.is_in_full():
            tasks.deliver(ids)
            assert not self.hints, "mails are due, and the worker is done"
        else:
            self.mark_as_sent()
        invitations = ("survey_invitation", "testimonial_request")
        just_sent = select(OutboxMessage.departure_id, OutboxMessage.step).where(
            OutboxMessage.state == MailState.sent,
            OutboxMessage.ended_at == now(),
            OutboxMessage.step.in_(invitations),
        )
        for departure_id, step in db.session.execute(just_sent.order_by(OutboxMessage.id)).all():
            self.arrived(step, self.world.lives[self.numbers_of[departure_id]])
        db.session.rollback()

    def mark_as_sent(self) -> None:
        """Decide about what is due as a sender does, and mark what may go as sent."""
        sent = {"state": MailState.sent, "ended_at": now(), **leases.FREE}
        with leases.leasing() as held:
            while ids := held.take(200):
                for draft in prepared.draft(held, ids):
                    held.note(draft.row_id, sent)

    def arrived(self, step: str, life: Life) -> None:
        """Let the client do what the mail asks for, some days later."""
        if step == "survey_invitation" and life.answers_after is not None:
            self.at(now() + life.answers_after, lambda: self.answer(life))
        if step == "testimonial_request" and life.praises_after is not None:
            self.at(now() + life.praises_after, lambda: self.praise(life))

    def departure(self, life: Life) -> Departure:
        return db.session.get_one(Departure, self.ids[life.number])

    def record(self, life: Life) -> None:
        """Record the departure, and note what people will do on days of their own."""
        contact = builders.a_contact(email=address(life), keep_in_touch=life.keep_in_touch)
        day = self.world.day(life.recorded_at)
        reasons = {Reason.deliverable_quality} if life.has_quality_reason else {Reason.price}
        facts = Facts("SEO", min(day, life.end_on), life.end_on, reasons=frozenset(reasons))
        departure = departures.record(contact, facts)
        departure.notice_on = day  # told on the day, though it ended before
        enrolment = db.session.scalars(
            select(Enrolment).where(Enrolment.departure_id == departure.id)
        ).one()
        enrolment.protocol_id = self.protocols[life.rows]
        self.numbers_of[departure.id], self.ids[life.number] = life.number, departure.id
        if life.unsubscribed_at:
            self.at(life.unsubscribed_at, lambda: self.unsubscribe(life))
        if life.held:
            self.at(life.held[0], lambda: self.hold(life))
        if life.over:
            self.at(life.over[0], lambda: self.move(life, Stage(life.over[1])))
        if life.closed_at:
            self.at(life.closed_at, lambda: self.move(life, Stage.closed))

    def move(self, life: Life, to: Stage) -> None:
        departure = self.departure(life)
        if not departure.is_over:
            by = db.session.get_one(TeamMember, self.by)
            with suppress(Refused):  # closed later, see put_right()
                departures.move(departure, to, was=departure.stage, by=by)

    def unsubscribe(self, life: Life) -> None:
        suppressions.add(address(life), SuppressionReason.unsubscribed)

    def hold(self, life: Life) -> None:
        """Stop or pause, and go on when a person says so."""
        departure, (_at, until, how) = self.departure(life), life.held
        if departure.is_over:
            return
        if how == "stopped" or not enrolments.pause(departure):  # finished: as good as stopped
            enrolments.stop(departure, None)
        if until:
            self.at(until, lambda: self.go_on(life))

    def go_on(self, life: Life) -> None:
        departure = self.departure(life)
        if not departure.is_over:
            enrolments.resume(departure, None)

    def answer(self, life: Life) -> None:
        survey = self.invitation(life)
        answers = responses.Answers(score=life.score)
        responses.record(survey, answers, language="es", wording="", send=True)
        if life.score <= 6 and life.recovery_closes_after is not None:
            self.at(now() + life.recovery_closes_after, lambda: self.put_right(life))

    def invitation(self, life: Life) -> Invitation:
        query = select(Invitation).where(Invitation.departure_id == self.ids[life.number])
        return db.session.scalars(query.where(Invitation.kind == InvitationKind.survey)).one()

    def put_right(self, life: Life) -> None:
        query = select(Recovery).where(Recovery.departure_id == self.ids[life.number])
        by = db.session.get_one(TeamMember, self.by)
        recoveries.close(db.session.scalars(query).one(), is_resolved=True, note="Hecho.", by=by)
        if life.closed_at and life.closed_at <= now():
            self.move(life, Stage.closed)

    def praise(self, life: Life) -> None:
        row = Testimonial(
            departure=self.departure(life), language="es", quote="Bien", display_name="Ana"
        )
        db.session.add(row)

    def happened(self, mailbox: Mailbox) -> Record:
        """What became of the year, in words that no database has a part in."""
        found = Record()
        query = select(OutboxMessage, Contact.email, TeamMember.email)
        query = query.outerjoin(Contact, OutboxMessage.contact_id == Contact.id)
        query = query.outerjoin(TeamMember, OutboxMessage.provider_id == TeamMember.id)
        for mail, email, member in db.session.execute(query):
            number = self.numbers_of.get(mail.departure_id, -1)
            local = years.on_the_wall(mail.ended_at, self.world) if mail.ended_at else ""
            reason = mail.skip_reason or ""
            name = mail.step or f"{mail.kind.value} to {'client' if email else 'team'}"
            entry = Entry(number, name, mail.state.value, local, reason)
            (found.steps if mail.step else found.rest).append(entry)
            decision = Decision.of(mail.decision)
            refused = decision.refused.reason if decision.refused else ""
            if decision.due is None or refused != reason or bool(decision.step) != bool(mail.step):
                found.untold.append(entry)
            if mail.attempts:  # else it was only marked
                found.sent[mail.message_id, email or member] += 1
        for departure_id, state in db.session.execute(
            select(Enrolment.departure_id, Enrolment.state)
        ):
            found.rest.append(Entry(self.numbers_of[departure_id], "enrolment", state.value))
        found.steps.sort()
        found.rest.sort()
        header = BytesHeaderParser()
        for mail in mailbox.messages():
            found.taken[header.parsebytes(mail.raw)["Message-ID"], ",".join(mail.rcpt_tos)] += 1
        db.session.rollback()
        return found


def address(life: Life) -> str:
    return f"c{life.number}@daz.example"
