"""A year of farewells: each step once or with a reason, as computed, the same on both databases.

In the weeks around the changes of the clocks, or in all of the year (long), every mail really goes
to the SMTP server of the tests, which has to have it once.
"""

import os
from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from service.app import create_app
from service.extensions import db, limiter, queue
from tests import years
from tests.conftest import settings_for
from tests.lived_years import Handed, Record, Year
from tests.years import Entry, World

SEED = int(os.environ.get("YEAR_SEED", "2027"))
DEPARTURES = 200
SOME_DAYS, ALL_DAYS = timedelta(days=14), timedelta(days=1000)  # around each change of the clocks


@pytest.fixture
def empty_apps(tmp_path, redis_url, smtp_server, postgres_server):
    """The service on an empty database of each kind."""
    before = dict(vars(limiter))  # it belongs to the last app made
    urls = {
        "sqlite": f"sqlite:///{tmp_path / 'year.sqlite3'}",
        "postgresql": postgres_server.new_database(f"year_{os.urandom(8).hex()}"),
    }
    made = {}
    for kind, url in urls.items():
        made[kind] = create_app(settings_for(url, redis_url, tmp_path / kind, smtp_server.port))
        with made[kind].app_context():
            db.create_all()
    vars(limiter).update(before)
    yield made
    for app in made.values():
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def lived(empty_apps, mailbox, monkeypatch):
    """A function that lives through a world on one kind of database."""

    def live(kind: str, world: World, in_full: timedelta) -> Record:
        mailbox.clear()
        with empty_apps[kind].app_context():
            year = Year(world, in_full)
            monkeypatch.setattr(queue, "wake", year.wake)
            year.run()
            return year.happened(mailbox)

    return live


def a_year(seed: int, zone: str, in_full: timedelta, lived) -> None:
    """Live through it on both databases; compare them with the computation and each other."""
    print(f"YEAR_SEED={seed}")
    world = years.a_world(Random(seed), DEPARTURES, zone)
    sqlite, postgresql = (lived(kind, world, in_full) for kind in ("sqlite", "postgresql"))
    plan = years.plan(world)
    assert_the_same(sqlite.steps, plan, world)
    assert_the_same(postgresql.steps, plan, world)
    assert_the_same(postgresql.steps, sqlite.steps, world)
    assert_the_same(postgresql.rest, sqlite.rest, world)
    for record in (sqlite, postgresql):
        assert record.untold == []
        assert set(record.sent.values()) == {1}
        assert_each_once(record.taken, record.sent)
    assert len(plan) > 3 * DEPARTURES
    assert len(sqlite.sent) > DEPARTURES / 2


def assert_the_same(found: list[Entry], wanted: list[Entry], world: World) -> None:
    """Fail with the first life that differs."""
    extra, missing = Counter(found) - Counter(wanted), Counter(wanted) - Counter(found)
    if not extra and not missing:
        return
    first = min([*extra, *missing]).life
    pytest.fail(
        f"{len(extra)} came that should not, {len(missing)} did not, the first in {first}:\n"
        + "\n".join(f"came   {entry}" for entry in sorted(extra) if entry.life == first)
        + "\n".join(f"\nwanted {entry}" for entry in sorted(missing) if entry.life == first)
        + (f"\n{world.lives[first]}" if first >= 0 else "")
    )


def assert_each_once(taken: Handed, sent: Handed) -> None:
    """What the server took is what the outbox says, each mail once, to the one it is for."""
    more, less = taken - sent, sent - taken
    assert not more, f"taken twice, or not said to be sent: {more}"
    assert not less, f"said to be sent, and not taken: {less}"


def test_a_year_of_farewells_is_as_computed_on_both_databases(lived):
    a_year(SEED, "Europe/Madrid", SOME_DAYS, lived)


@pytest.mark.long
@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_more_years_are_as_computed_on_both_databases(lived, seed, zone):
    a_year(seed, zone, ALL_DAYS, lived)
