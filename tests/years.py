"""Random farewells, and what each must come to: computed plainly, one step after the other.

Nothing of the service is asked here: the steps, the calendar and the reasons are told anew.
"""

from bisect import bisect_right
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

FIRST, LAST = date(2027, 1, 11), date(2027, 10, 10)  # when departures are recorded
END = datetime(2028, 5, 1, tzinfo=UTC)
NINE, TEN, NIGHT, EVENING = time(9), time(10), time(2, 30), time(20, 15)
NINETEEN = time(19)
HOLIDAYS = {  # of all of Spain, as they fall on the calendar
    date(2027, 1, 1),
    date(2027, 1, 6),
    date(2027, 3, 26),
    date(2027, 5, 1),
    date(2027, 8, 15),
    date(2027, 10, 12),
    date(2027, 11, 1),
    date(2027, 12, 6),
    date(2027, 12, 8),
    date(2027, 12, 25),
    date(2028, 1, 1),
    date(2028, 1, 6),
    date(2028, 4, 14),
    date(2028, 5, 1),
}
OWED = {"thank_you", "survey_invitation", "closing_letter"}
UNSTOPPABLE = {"thank_you", "closing_letter"}
NEEDS = {
    "survey_reminder_1": ("unanswered",),
    "survey_reminder_2": ("unanswered",),
    "testimonial_request": ("no_testimonial", "no_recovery"),
    "testimonial_reminder": ("no_testimonial", "no_recovery"),
    "closing_letter": ("no_recovery",),
    "door_open": ("keep_in_touch", "no_recovery"),
}
ALL_WEEK = tuple(range(7))


@dataclass(frozen=True)
class Row:
    """A step as the test tells it."""

    name: str
    anchor: str
    count: int
    at: time
    stale: int
    unit: str = "days"
    after: str = ""
    weekdays: tuple[int, ...] = ALL_WEEK
    asks: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.name.partition("-")[0]


SHORT = (
    Row("thank_you", "notice", 1, NINE, 14),
    Row("survey_invitation", "end", 1, TEN, 21),
    Row("survey_reminder_1", "step", 3, TEN, 2, after="survey_invitation"),
)
DEFAULT = (
    *SHORT,
    Row("closing_letter", "closing", 0, NINE, 14),
    Row("survey_reminder_2", "step", 7, TEN, 7, after="survey_invitation"),
    Row("testimonial_request", "answer", 1, NINE, 14, asks=("no_quality_reason",)),
    Row("testimonial_reminder", "step", 5, NINE, 7, after="testimonial_request"),
    Row("door_open-1m", "end", 1, TEN, 21, "months"),
    Row("door_open-6m", "end", 6, TEN, 30, "months"),
)


@dataclass(frozen=True, order=True)
class Entry:
    """What became of one mail of a life: sent or skipped, at which local time, for which reason."""

    life: int
    mail: str
    state: str
    at: str = ""
    reason: str = ""


@dataclass
class Life:
    """One departure and what happens to it; delays count from the mail that they answer."""

    number: int
    rows: tuple[Row, ...]
    recorded_at: datetime
    end_on: date
    has_quality_reason: bool
    keep_in_touch: bool
    answers_after: timedelta | None
    score: int
    recovery_closes_after: timedelta | None
    praises_after: timedelta | None
    unsubscribed_at: datetime | None
    held: tuple[datetime, datetime | None, str] | None  # from, until, stopped or paused
    over: tuple[datetime, str] | None  # retained or returned
    closed_at: datetime | None


@dataclass
class Waiting:
    """A mail that is written and has not gone: claimed next at `at`, put off `since` then."""

    row: Row
    at: datetime
    since: datetime
    number: int
    ends_at: datetime = END


@dataclass
class World:
    """The zone of the company, its free days, when its clock is down, and its farewells."""

    zone: ZoneInfo
    downtimes: list[tuple[datetime, datetime]]
    lives: list[Life] = field(default_factory=list)

    def permitted(self, moment: datetime) -> datetime:
        """The first moment from then on at which a mail may go: Monday to Friday, nine to seven."""
        local = moment.astimezone(self.zone)
        day, is_over = local.date(), local.time() >= NINETEEN
        if _is_free(day) or is_over:
            day += timedelta(days=1)
            while _is_free(day):
                day += timedelta(days=1)
        return max(moment, self.local(day, NINE))

    def up(self, moment: datetime) -> datetime:
        """When the clock comes to what is due at `moment`."""
        place = bisect_right(self.downtimes, moment, key=lambda gap: gap[0]) - 1
        return max(moment, self.downtimes[place][1]) if place >= 0 else moment

    def local(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()


def a_world(random: Random, departures: int, zone: str) -> World:
    """A year of so many departures, with downtimes of hours to ten days, some on the DST nights."""
    gaps, begin = [], datetime(2027, 1, 20, 3, 7, tzinfo=UTC)
    while begin < END - timedelta(days=40):
        gaps.append((begin, begin + timedelta(hours=random.choice([2, 5, 9, 30, 100, 240]))))
        begin = gaps[-1][1] + timedelta(days=random.randint(9, 45), hours=random.randint(0, 23))
    world = World(ZoneInfo(zone), gaps)
    protocols = [DEFAULT, SHORT, *(_own(random) for _each in range(4))]
    sittings = [_sitting(random) for _each in range(departures // 4)]
    world.lives = [
        _life(number, random, random.choice(protocols), random.choice(sittings))
        for number in range(departures)
    ]
    return world


def _sitting(random: Random) -> datetime:
    """When somebody records departures, several one after the other: often before a DST night."""
    span = (LAST - FIRST).days
    day = FIRST + timedelta(days=random.choice([random.randint(0, span), random.randint(55, 80)]))
    return datetime(day.year, day.month, day.day, random.randint(6, 20), 19, tzinfo=UTC)


def changes_of_clocks(zone: ZoneInfo) -> list[datetime]:
    """Return the hours of the year after which the clocks on the wall show another time."""
    hours = [datetime(2027, 1, 1, tzinfo=UTC) + timedelta(hours=number) for number in range(8760)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return [hours[place] for place in range(1, 8760) if offsets[place] != offsets[place - 1]]


def _own(random: Random) -> tuple[Row, ...]:
    rows = [DEFAULT[0], DEFAULT[1], DEFAULT[7]]
    for number in range(3):
        anchor = random.choice(["notice", "end", "step"])
        rows.append(
            Row(
                f"own_text-n{number}",
                anchor,
                random.choice([1, 2, 5]),
                random.choice([NINE, TEN, NIGHT, EVENING]),
                random.choice([1, 7, 30]),
                random.choice(["days", "weeks", "months"]),
                "survey_invitation" if anchor == "step" else "",
                random.choice([ALL_WEEK, (0, 1, 2, 3, 4), (1, 3), (6,)]),
                random.choice([(), ("unanswered",), ("keep_in_touch",), ("no_quality_reason",)]),
            )
        )
    return tuple(rows)


def _life(number: int, random: Random, rows: tuple[Row, ...], recorded_at: datetime) -> Life:
    def chance(share: float) -> bool:
        return random.random() < share

    def later(start: datetime, most: int) -> datetime:
        found = start + timedelta(days=random.randint(0, most), hours=random.randint(0, 23))
        return found.replace(minute=random.choice([7, 23, 41]))

    held_at = later(recorded_at, 40)
    held_until = later(held_at + timedelta(hours=1), 30) if chance(0.7) else None
    return Life(
        number,
        rows,
        recorded_at,
        recorded_at.date() + timedelta(days=random.randint(-20, 60)),
        chance(0.2),
        chance(0.8),
        timedelta(days=random.randint(0, 25), hours=5, minutes=13) if chance(0.6) else None,
        random.choice([2, 6, 7, 9, 10]),
        timedelta(days=random.randint(0, 9), hours=3) if chance(0.5) else None,
        timedelta(days=random.randint(0, 9), hours=4, minutes=3) if chance(0.4) else None,
        later(recorded_at, 90) if chance(0.15) else None,
        (held_at, held_until, random.choice(["stopped", "paused"])) if chance(0.15) else None,
        (later(recorded_at, 90), random.choice(["retained", "returned"])) if chance(0.1) else None,
        later(recorded_at, 60) if chance(0.3) else None,
    )


def plan(world: World) -> list[Entry]:
    """What must become of each step of all lives."""
    return sorted(entry for life in world.lives for entry in fates(life, world))


def fates(life: Life, world: World) -> list[Entry]:
    """What must become of each step: those that never come to a decision are left out."""
    return _Course(life, world).run()


class _Course:
    """One life as it takes its course: what is not written yet, what waits, and what went."""

    def __init__(self, life: Life, world: World) -> None:
        self.life, self.world = life, world
        self.unwritten = {row.name: row for row in life.rows}
        self.waiting: dict[str, Waiting] = {}
        self.put_back: set[str] = set()  # written once, and taken back by a pause
        self.after_repair: set[str] = set()  # skipped once, and owed when what failed is put right
        self.sent: dict[str, datetime] = {}
        self.found: list[Entry] = []
        self.numbers = count()

    def run(self) -> list[Entry]:
        """Go from one decision to the next: what waits comes before what is written then."""
        while ready := [*self._to_be_claimed(), *self._to_be_written()]:
            moment, is_fresh, _number, name, due = min(ready)
            if is_fresh:
                self._claim(self._written(self.unwritten.pop(name), due, moment), moment)
            elif not self._is_interrupted(mail := self.waiting.pop(name), moment):
                self._claim(mail, moment)
        return self.found

    def _to_be_written(self) -> list[tuple[datetime, int, int, str, datetime]]:
        found = []
        for name, row in self.unwritten.items():
            decided = self._decided(row)
            if decided:
                found.append((decided[0], 1, self.life.rows.index(row), name, decided[1]))
        return found

    def _decided(self, row: Row) -> tuple[datetime, datetime] | None:
        is_anew, put_right = row.name in self.put_back, _put_right(self.life, self.sent)
        if row.name in self.after_repair and put_right:
            return _decided_from(put_right, row, self.life, self.world, self.sent, is_anew=is_anew)
        return _decided(row, self.life, self.world, self.sent, is_anew=is_anew)

    def _to_be_claimed(self) -> list[tuple[datetime, int, int, str, datetime]]:
        return [
            (self.world.up(mail.at), 0, mail.number, name, mail.at)
            for name, mail in self.waiting.items()
        ]

    def _written(self, row: Row, due: datetime, moment: datetime) -> Waiting:
        ends_at = self.world.permitted(due) + timedelta(days=row.stale)
        return Waiting(row, due, moment, next(self.numbers), ends_at)

    def _is_interrupted(self, mail: Waiting, moment: datetime) -> bool:
        """Whether a stop, a pause or the end came between, while it waited."""
        came = _interruption(self.life, mail.since, moment)
        if came is None:
            return False
        if came[1] != "paused":
            self._end(mail.row, "skipped", *came)
        elif self.life.held and self.life.held[1]:
            self.unwritten[mail.row.name] = mail.row
            self.put_back.add(mail.row.name)
        return True

    def _claim(self, mail: Waiting, moment: datetime) -> None:
        """Send it, skip it, or put it off."""
        if moment >= END:
            return
        if reason := _reason(mail.row, self.life, self.sent, mail.ends_at, moment):
            self._skip(mail.row, moment, reason)
            return
        until = self._permitted(mail, moment)
        if until == moment:
            self.sent[mail.row.name] = moment
            self._end(mail.row, "sent", moment)
            return
        lasts = mail.ends_at - self.world.permitted(mail.at)
        mail.ends_at = max(mail.ends_at, until + lasts)
        mail.at, mail.since = until, moment
        self.waiting[mail.row.name] = mail

    def _skip(self, row: Row, moment: datetime, reason: str) -> None:
        put_right = _put_right(self.life, self.sent)
        is_owed_later = reason == "recovery_open" and row.kind == "closing_letter"
        if is_owed_later and put_right and put_right < END:
            self.unwritten[row.name] = row
            self.after_repair.add(row.name)
        else:
            self._end(row, "skipped", moment, reason)

    def _permitted(self, mail: Waiting, moment: datetime) -> datetime:
        """When it may go: in hours, and on a day on which no other went."""
        world, until = self.world, self.world.permitted(moment)
        day = world.day(moment)
        if until > moment or day not in {world.day(at) for at in self.sent.values()}:
            return until
        return world.permitted(world.local(day + timedelta(days=1), mail.row.at))

    def _end(self, row: Row, state: str, at: datetime, reason: str = "") -> None:
        entry = Entry(self.life.number, row.name, state, on_the_wall(at, self.world), reason)
        self.found.append(entry)


def _interruption(life: Life, since: datetime, until: datetime) -> tuple[datetime, str] | None:
    """What came between while a mail waited: a stop, a pause, or the end of the departure."""
    breaks = []
    if life.held and since < life.held[0] <= until:
        is_stopped = life.held[2] == "stopped"
        breaks.append((life.held[0], "protocol_stopped" if is_stopped else "paused"))
    if life.over and since < life.over[0] <= until:
        breaks.append(life.over)
    return min(breaks, default=None)


def on_the_wall(moment: datetime, world: World) -> str:
    """What the calendar and the clock of the company show."""
    return moment.astimezone(world.zone).strftime("%Y-%m-%d %H:%M %Z")


def _is_free(day: date) -> bool:
    return day.weekday() > 4 or day in HOLIDAYS


def _decided(
    row: Row, life: Life, world: World, sent: dict[str, datetime], *, is_anew: bool
) -> tuple[datetime, datetime] | None:
    """When the clock decides about a step, and when it was due; None if it never does.

    One that was written and taken back by a pause is decided anew when that is over.
    """
    found = _decided_from(life.recorded_at, row, life, world, sent, is_anew=is_anew)
    failed = _failed(life, sent)
    if row.kind != "closing_letter" or found is None or failed is None or failed > found[0]:
        return found
    put_right = _put_right(life, sent)  # it is owed, so it waits for that
    if put_right is None:
        return found
    return _decided_from(put_right, row, life, world, sent, is_anew=is_anew)


def _decided_from(
    began: datetime,
    row: Row,
    life: Life,
    world: World,
    sent: dict[str, datetime],
    *,
    is_anew: bool,
) -> tuple[datetime, datetime] | None:
    """The same of a step that nothing could be decided about before `began`."""
    base, known_at = _base(row, life, world, sent)
    if base is None or known_at is None:
        return None
    due = _due(row, base, began, world)
    moment = world.up(max(due, began, known_at))
    if life.held and (is_anew or moment > life.held[0]):
        resumed = life.held[1]
        if resumed is None or (life.over and life.over[0] < resumed):
            return None
        resumed = max(resumed, began)
        due = _due(row, base, resumed, world)
        moment = world.up(max(due, resumed, known_at))
    if life.over and moment > life.over[0]:
        return None
    return (moment, due) if moment < END else None


def _base(
    row: Row, life: Life, world: World, sent: dict[str, datetime]
) -> tuple[date | None, datetime | None]:
    """The day that a step counts from, and since when it is known."""
    if row.anchor == "notice":
        return world.day(life.recorded_at), life.recorded_at
    if row.anchor == "end":
        return life.end_on, life.recorded_at
    if row.anchor == "closing":
        closed = _closed(life, sent)
        return (world.day(closed), closed) if closed else (None, None)
    moment = _answered(life, sent) if row.anchor == "answer" else sent.get(row.after)
    return (world.day(moment), moment) if moment else (None, None)


def _due(row: Row, base: date, began: datetime, world: World) -> datetime:
    day = _allowed(row, _after(row, base))
    if row.kind in OWED and row.anchor in ("notice", "end", "closing"):
        first = world.day(began)
        if day <= first and first.weekday() in row.weekdays:
            return began
        day = max(day, _allowed(row, first))
    return world.local(day, row.at)


def _after(row: Row, base: date) -> date:
    if row.unit != "months":
        return base + timedelta(days=row.count * (7 if row.unit == "weeks" else 1))
    year, month = divmod(base.year * 12 + base.month - 1 + row.count, 12)
    return date(year, month + 1, min(base.day, monthrange(year, month + 1)[1]))


def _allowed(row: Row, day: date) -> date:
    while day.weekday() not in row.weekdays:
        day += timedelta(days=1)
    return day


def _answered(life: Life, sent: dict[str, datetime]) -> datetime | None:
    if life.answers_after is None or "survey_invitation" not in sent:
        return None
    return sent["survey_invitation"] + life.answers_after


def _failed(life: Life, sent: dict[str, datetime]) -> datetime | None:
    """When they say that something failed, if they do."""
    return _answered(life, sent) if life.score <= 6 else None


def _put_right(life: Life, sent: dict[str, datetime]) -> datetime | None:
    failed, after = _failed(life, sent), life.recovery_closes_after
    return failed + after if failed and after is not None else None


def _closed(life: Life, sent: dict[str, datetime]) -> datetime | None:
    """When it is closed: not before what failed until then is put right."""
    failed, put_right = _failed(life, sent), _put_right(life, sent)
    if life.closed_at is None or failed is None or failed > life.closed_at:
        return life.closed_at
    return max(life.closed_at, put_right) if put_right else None


def _praised(life: Life, sent: dict[str, datetime]) -> datetime | None:
    if life.praises_after is None or "testimonial_request" not in sent:
        return None
    return sent["testimonial_request"] + life.praises_after


def _reason(
    row: Row, life: Life, sent: dict[str, datetime], ends_at: datetime, at: datetime
) -> str:
    """Why it does not go; empty when it does."""
    answered, praised = _answered(life, sent), _praised(life, sent)
    failed, put_right = _failed(life, sent), _put_right(life, sent)
    is_open = failed is not None and failed <= at and (put_right is None or put_right > at)
    says_no = {
        "unanswered": "answered" if answered and answered <= at else "",
        "no_testimonial": "testimonial_given" if praised and praised <= at else "",
        "no_recovery": "recovery_open" if is_open else "",
        "keep_in_touch": "" if life.keep_in_touch else "keep_in_touch_off",
        "no_quality_reason": "quality_reason" if life.has_quality_reason else "",
    }
    for question in (*NEEDS.get(row.kind, ()), *row.asks):
        if says_no[question]:
            return says_no[question]
    if at >= ends_at:
        return "expired"
    is_unwanted = life.unsubscribed_at is not None and life.unsubscribed_at <= at
    return "suppressed" if is_unwanted and row.kind not in UNSTOPPABLE else ""
