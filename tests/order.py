"""Which tests run, and which first: `--quick` leaves out what takes long; the rest begin with it.

Two processes that share the tests end together only when the long ones do not come last.
"""

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
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--quick`."""
    words = "no processes, browsers or years, and SQLite alone: under two minutes"
    parser.addoption("--quick", action="store_true", help=words)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the slow ones first, or leave them out."""
    if not config.getoption("--quick"):
        items.sort(key=rank)
        return
    left_out = [item for item in items if rank(item) < len(SLOW) or is_on_postgresql(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def rank(item: pytest.Item) -> int:
    """Return where an item stands in SLOW; its length for those that are not in it."""
    path = item.path.relative_to(ROOT).as_posix()
    places = (number for number, slow in enumerate(SLOW) if path.startswith(slow))
    return next(places, len(SLOW))


def is_on_postgresql(item: pytest.Item) -> bool:
    """Say whether an item runs on PostgreSQL, as another one does on SQLite."""
    callspec = getattr(item, "callspec", None)
    return callspec is not None and callspec.params.get("database") == "postgresql"
