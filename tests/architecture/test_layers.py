"""The rooms know each other only as ARCHITECTURE.md draws it."""

import subprocess
import sys

from development.environment import ROOT


def test_imports_only_point_down():
    command = "from importlinter.cli import lint_imports_command as check; check()"
    checked = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
