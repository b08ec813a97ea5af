"""A skip is a failure in CI, and only there."""

import os
import subprocess
import sys

import pytest

from development.environment import ROOT

TESTS = """
import pytest

@pytest.mark.{mark}
def test_that_skips_itself():
    pytest.skip("no chromium on this machine")
"""


@pytest.mark.parametrize(
    ("mark", "ci", "code"), [("quick", "", 0), ("quick", "true", 1), ("long", "true", 0)]
)
def test_a_skipped_test_fails_in_ci_unless_it_is_long(tmp_path, mark, ci, code):
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  quick\n  long\n")
    (tmp_path / "test_it.py").write_text(TESTS.format(mark=mark))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.skips", "-p", "no:valkey"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "CI": ci},
        capture_output=True,
        text=True,
    )

    assert done.returncode == code, done.stdout
    assert ("skipped in CI" in done.stdout) == bool(code)
