"""Which tests run: pages on SQLite alone, the rest on both; `--quick` leaves out what is slow."""

import subprocess
import sys

import pytest

from tests.order import ON_SQLITE, ROOT, SLOW


def collected(*words: str) -> list[str]:
    """Return the ids of the tests that pytest would run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", *words]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    return [line for line in said.splitlines() if "::" in line]


@pytest.mark.parametrize("place", [*SLOW, *ON_SQLITE])
def test_every_place_that_is_named_exists(place):
    assert list(ROOT.glob(place))


def test_a_page_is_tested_on_sqlite_alone_and_a_query_on_both():
    page, query = "tests/today/test_pages.py", "tests/results/test_figures.py"
    ids = collected(page, query)
    assert not [each for each in ids if each.startswith(page) and "postgresql" in each]
    assert [each for each in ids if each.startswith(query) and "postgresql" in each]


def test_a_quick_run_has_no_postgresql_no_browser_and_nothing_else_that_is_slow():
    left_out = ("tests/dev", "tests/deployment/test_production.py")
    browsing, storing = "tests/mail/test_css_support.py", "tests/doctor/test_storage.py"
    ids = collected("--quick", "tests/today", browsing, storing, *left_out)
    assert {each.split("::")[0] for each in ids} > {browsing, storing}
    assert not [each for each in ids if "postgresql" in each or each.startswith(left_out)]
    assert not [each for each in ids if "can_be_pressed" in each]
