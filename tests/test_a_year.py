"""A year of farewells on the real clock's rounds: each step once or with a reason, as computed."""

import heapq
import os
from collections.abc import Callable
from datetime import datetime
from itertools import count
from random import Random

import pytest
import time_machine
from sqlalchemy import func, select

from service import ticking
from service.actions import departures, protocols, recoveries, responses, stages
from service.actions.departures import Facts
from service.clock import now
from service.extensions import db, queue
from service.mail import suppressions
from service.models import (
    Departure,
    Enrolment,
    EnrolmentState,
    Invitation,
    InvitationKind,
    MailKind,
    MailState,
    OutboxMessage,
    Provider,
    Reason,
    Recovery,
    Stage,
    SuppressionReason,
    Testimonial,
)
from service.models.steps import Anchor, Condition, Step, Unit
from tests import builders, years
from tests.years import Fate, Life, Row, World

SEED = int(os.environ.get("YEAR_SEED", "2027"))
DEPARTURES, FEWER = 200, 60  # the long run; each run of the tests


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

    def __init__(self, world: World) -> None:
        self.world = world
        self.coming: list[tuple[datetime, int, Callable[[], None]]] = []
        self.numbers = count()
        self.departures: dict[int, int] = {}  # the life's number, by the departure's id
        self.seen: set[int] = set()
        self.protocols: dict[tuple[Row, ...], int] = {}
        builders.a_company(time_zone=world.zone.key)
        self.by = builders.a_provider()
        for rows in {life.rows: None for life in world.lives}:
            self.protocols[rows] = builders.a_protocol(steps=tuple(map(a_step, rows))).id
        for life in world.lives:
            self.at(life.recorded_at, lambda life=life: self.record(life))
        db.session.commit()

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self.coming, (moment, next(self.numbers), action))

    def run(self) -> None:
        """Go from one thing that happens to the next, until the year is over."""
        with time_machine.travel(self.world.lives[0].recorded_at, tick=False) as clock:
            while True:
                tick_at = self.next_tick()
                event_at = self.coming[0][0] if self.coming else years.END
                if min(event_at, tick_at) >= years.END:
                    return
                if event_at <= tick_at:
                    clock.move_to(event_at)
                    heapq.heappop(self.coming)[2]()
                    db.session.commit()
                else:
                    clock.move_to(tick_at)
                    ticking.tick()
                    self.send()

    def next_tick(self) -> datetime:
        """When the clock ticks next: never while it is down."""
        active = Enrolment.state == EnrolmentState.active
        asked_at = db.session.scalar(select(func.min(Enrolment.next_at)).where(active))
        db.session.rollback()
        return self.world.up(max(asked_at, now())) if asked_at else years.END

    def send(self) -> None:
        """Let go what is written, as a worker would at once; people answer later."""
        queued = select(OutboxMessage).where(OutboxMessage.state == MailState.queued)
        for mail in db.session.scalars(queued).all():
            mail.state, mail.ended_at = MailState.sent, now()
            life = self.life_of(mail.departure_id) if mail.step else None
            if life and mail.step == "survey_invitation" and life.answers_after is not None:
                self.at(now() + life.answers_after, lambda life=life: self.answer(life))
            if life and mail.step == "testimonial_request" and life.praises_after is not None:
                self.at(now() + life.praises_after, lambda life=life: self.praise(life))
        db.session.commit()

    def life_of(self, departure_id: int | None) -> Life:
        return self.world.lives[self.departures[departure_id or 0]]

    def departure(self, life: Life) -> Departure:
        ids = {number: row_id for row_id, number in self.departures.items()}
        return db.session.get_one(Departure, ids[life.number])

    def record(self, life: Life) -> None:
        """Record the departure, and note what people will do on days of their own."""
        contact = builders.a_contact(
            email=f"c{life.number}@daz.example", keep_in_touch=life.keep_in_touch
        )
        day = self.world.day(life.recorded_at)
        reasons = {Reason.deliverable_quality} if life.has_quality_reason else {Reason.price}
        facts = Facts("SEO", min(day, life.end_on), life.end_on, reasons=frozenset(reasons))
        departure = departures.record(contact, facts)
        departure.notice_on = day  # told on the day, though it ended before
        enrolment = db.session.scalars(
            select(Enrolment).where(Enrolment.departure_id == departure.id)
        ).one()
        enrolment.protocol_id = self.protocols[life.rows]
        self.departures[departure.id] = life.number
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
            stages.move(departure, to, was=departure.stage, by=db.session.get_one(Provider, 1))

    def unsubscribe(self, life: Life) -> None:
        suppressions.add(f"c{life.number}@daz.example", SuppressionReason.unsubscribed)

    def hold(self, life: Life) -> None:
        """Stop or pause, and go on when a person says so."""
        departure, (_at, until, how) = self.departure(life), life.held
        if departure.is_over:
            return
        if how == "paused":
            if not protocols.pause(departure):
                protocols.stop(departure, None)  # it was finished: as good as stopped
        else:
            protocols.stop(departure, None)
        if until:
            self.at(until, lambda: self.go_on(life))

    def go_on(self, life: Life) -> None:
        departure = self.departure(life)
        if not departure.is_over:
            protocols.resume(departure, None)

    def answer(self, life: Life) -> None:
        survey = self.invitation(life)
        answers = responses.Answers(score=life.score)
        responses.record(survey, answers, language="es", wording="", send=True)
        if life.score <= 6 and life.recovery_closes_after is not None:
            self.at(now() + life.recovery_closes_after, lambda: self.put_right(life))

    def invitation(self, life: Life) -> Invitation:
        query = select(Invitation).where(Invitation.departure_id == self.departure(life).id)
        return db.session.scalars(query.where(Invitation.kind == InvitationKind.survey)).one()

    def put_right(self, life: Life) -> None:
        query = select(Recovery).where(Recovery.departure_id == self.departure(life).id)
        by = db.session.get_one(Provider, 1)
        recoveries.close(db.session.scalars(query).one(), is_resolved=True, note="Hecho.", by=by)

    def praise(self, life: Life) -> None:
        row = Testimonial(
            departure=self.departure(life), language="es", quote="Bien", display_name="Ana"
        )
        db.session.add(row)

    def happened(self) -> list[dict[str, Fate]]:
        """What became of each life's steps."""
        found: list[dict[str, Fate]] = [{} for _life in self.world.lives]
        steps = OutboxMessage.step.is_not(None)
        for mail in db.session.scalars(select(OutboxMessage).where(steps)):
            fates = found[self.departures[mail.departure_id or 0]]
            assert mail.step not in fates, "a step came twice"
            local = mail.ended_at.astimezone(self.world.zone).strftime("%Y-%m-%d %H:%M")
            fates[mail.step] = (mail.state.value, local, mail.skip_reason or "")
        return found


def a_year(seed: int, zone: str, departures_: int = DEPARTURES) -> None:
    """Live through it and compare it, life by life."""
    print(f"YEAR_SEED={seed}")
    world = years.a_world(Random(seed), departures_, zone)
    year = Year(world)
    year.run()
    happened = year.happened()
    expected = [years.fates(life, world) for life in world.lives]
    wrong = [
        (life, expected[life.number], happened[life.number])
        for life in world.lives
        if expected[life.number] != happened[life.number]
    ]
    assert not wrong, f"{len(wrong)} of {len(happened)}, the first: {wrong[0]}"
    assert sum(map(len, happened)) > 3 * departures_


@pytest.fixture(autouse=True)
def without_workers(monkeypatch):
    """Nobody works in this test: what is due goes at once, so no hint is left."""
    monkeypatch.setattr(queue, "wake", lambda *_job: True)


def test_a_year_of_farewells_is_as_computed(session):
    a_year(SEED, "Europe/Madrid", FEWER)


@pytest.mark.long
@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_more_years_are_as_computed(session, seed, zone):
    a_year(seed, zone)
