"""In CI nothing may be skipped: a part that is missing there would hide a broken promise."""

import os

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """Fail a whole file that skips itself."""
    report = yield
    return failed_in_ci(report)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Fail a test that is skipped; one that is marked `long` may be."""
    report = yield
    return report if item.get_closest_marker("long") else failed_in_ci(report)


def failed_in_ci(report):
    """Return the report, as a failure if it is a skip in CI."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped in CI: {report.longrepr}"
    return report
