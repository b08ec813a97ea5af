"""Which tests run, and which first.

The slow ones begin: two processes that share the tests end together only when no long one comes
last. What a page, a command or a foreign server says does not depend on the database: its tests run
on SQLite alone, and the queries behind it have tests of their own, which run on both. `--quick`
leaves out what is slow, and PostgreSQL.
"""

from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Folders and files whose tests start processes, browsers or servers, draw requests at random, or
# live through a year: the ones that take longest first.
SLOW = (
    "tests/test_a_year.py",
    "tests/faults",
    "tests/settings",
    "tests/browser",
    "tests/deployment",
    "tests/dev",
    "tests/journeys",
    "tests/mail/test_shutdown.py",
    "tests/mail/test_workers.py",
    "tests/mail/test_prefetch_process.py",
    "tests/mail/test_rendering_in_a_browser.py",
    "tests/mail/test_spam.py",
    "tests/mail/test_postfix.py",
    "tests/mail/test_horses.py",
    "tests/test_pipe.py",
    "tests/web/test_fuzz.py",
    "tests/api/test_fuzz.py",
    "tests/surveys/test_killed.py",
    "tests/web/test_stops.py",
)
# What starts one of them anywhere else.
STARTERS = {"chromium", "web_servers", "postgres_server", "dovecot_server", "postfix_server"}
ON_SQLITE = (
    "tests/*/test_pages.py",
    "tests/*/test_*_pages.py",
    "tests/api/test_access.py",
    "tests/company/*",
    "tests/consent/test_consents.py",
    "tests/consent/test_preferences.py",
    "tests/deliveries/test_stories.py",
    "tests/deliveries/test_webhooks.py",
    "tests/departures/test_talk_request_pages.py",
    "tests/departures/test_timeline.py",
    "tests/doctor/*",
    "tests/faults/test_redis.py",
    "tests/faults/test_smtp.py",
    "tests/imports/test_commands.py",
    "tests/imports/test_suppression_commands.py",
    "tests/mail/test_broken_connections.py",
    "tests/mail/test_custom_texts.py",
    "tests/mail/test_kinds.py",
    "tests/mail/test_mailbox.py",
    "tests/mail/test_rendering*.py",
    "tests/mail/test_samples.py",
    "tests/mail/test_shutdown.py",
    "tests/mail/test_verp.py",
    "tests/messages/*",
    "tests/protocols/test_reasons.py",
    "tests/results/test_commands.py",
    "tests/surveys/test_bad_input.py",
    "tests/surveys/test_questions.py",
    "tests/team/*",
    "tests/testimonials/test_moderation.py",
    "tests/web/*",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--quick`."""
    words = "leave out processes, browsers, servers and years, and PostgreSQL"
    parser.addoption("--quick", action="store_true", help=words)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what a quick run leaves out."""
    is_slow = any(collection_path.is_relative_to(ROOT / slow) for slow in SLOW)
    return True if is_slow and config.getoption("--quick") else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what need not run, and put the slow ones first."""
    is_quick = config.getoption("--quick")
    kept, left_out = [], []
    for item in items:
        is_too_slow = is_quick and is_slow(item)
        is_twice = runs_on_postgresql_too(item) and is_for_sqlite(item)
        (left_out if is_too_slow or is_twice else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = sorted(kept, key=rank)


def is_slow(item: pytest.Item) -> bool:
    """Say whether an item is one of SLOW, runs on PostgreSQL, or starts what they start."""
    starts = STARTERS & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("slow")
    return rank(item) < len(SLOW) or kind_of_database(item) == "postgresql" or bool(starts)


def rank(item: pytest.Item) -> int:
    """Return where an item stands in SLOW; its length for those that are not in it."""
    places = (number for number, slow in enumerate(SLOW) if path_of(item).startswith(slow))
    return next(places, len(SLOW))


def is_for_sqlite(item: pytest.Item) -> bool:
    """Say whether an item tests what does not depend on the database."""
    return any(fnmatch(path_of(item), place) for place in ON_SQLITE)


def path_of(item: pytest.Item) -> str:
    """Return the path of an item's file in the project; that of a file elsewhere as it is."""
    if item.path.is_relative_to(ROOT):
        return item.path.relative_to(ROOT).as_posix()
    return item.path.as_posix()


def runs_on_postgresql_too(item: pytest.Item) -> bool:
    """Say whether an item runs on PostgreSQL and another one, the same, on SQLite."""
    if kind_of_database(item) != "postgresql":
        return False
    marks = item.iter_markers("parametrize")
    return not any(mark.args and mark.args[0] == "database" for mark in marks)


def kind_of_database(item: pytest.Item) -> str | None:
    """Return the kind of database that an item is parametrized with, if it is."""
    callspec = getattr(item, "callspec", None)
    kind: str | None = callspec.params.get("database") if callspec else None
    return kind
