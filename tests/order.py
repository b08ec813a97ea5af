"""Which tests run, and which first.

The slow ones begin: two processes that share the tests end together only when no long one comes
last. Pages are tested on SQLite alone: what a page says does not depend on the database, and the
queries behind it have tests of their own, which run on both. `--quick` leaves out what is slow,
and PostgreSQL.
"""

from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Folders and files whose tests start processes, browsers or servers, or live through a year: the
# ones that take longest first.
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
    "tests/surveys/test_killed.py",
    "tests/web/test_stops.py",
)
PAGES = (
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
    "tests/mail/test_kinds.py",
    "tests/mail/test_rendering*.py",
    "tests/mail/test_samples.py",
    "tests/mail/test_verp.py",
    "tests/messages/*",
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
        is_too_slow = is_quick and rank(item) < len(SLOW)
        is_twice = runs_on_postgresql_too(item) and (is_quick or is_of_a_page(item))
        (left_out if is_too_slow or is_twice else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = sorted(kept, key=rank)


def rank(item: pytest.Item) -> int:
    """Return where an item stands in SLOW; its length for those that are not in it."""
    places = (number for number, slow in enumerate(SLOW) if path_of(item).startswith(slow))
    return next(places, len(SLOW))


def is_of_a_page(item: pytest.Item) -> bool:
    """Say whether an item tests a page or a mail as it looks."""
    return any(fnmatch(path_of(item), pages) for pages in PAGES)


def path_of(item: pytest.Item) -> str:
    """Return the path of an item's file in the project; that of a file elsewhere as it is."""
    if item.path.is_relative_to(ROOT):
        return item.path.relative_to(ROOT).as_posix()
    return item.path.as_posix()


def runs_on_postgresql_too(item: pytest.Item) -> bool:
    """Say whether an item runs on PostgreSQL and another one, the same, on SQLite."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or callspec.params.get("database") != "postgresql":
        return False
    marks = item.iter_markers("parametrize")
    return not any(mark.args and mark.args[0] == "database" for mark in marks)
