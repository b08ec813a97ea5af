"""Private names of libraries are used where a test watches them; Flask is configured once."""

import ast
import subprocess
import sys
from pathlib import Path

from development.environment import ROOT

CODE = [*(ROOT / "service").rglob("*.py"), *(ROOT / "forms").rglob("*.py"), ROOT / "worker.py"]
# Private names of libraries, and the tests that fail once a release of theirs has no such name.
WATCHED = {
    "_Mail": "tests/mail/test_smtp.py",  # Flask-Mail's settings, which lack a timeout
    "_expected_100_continue": "tests/web/test_gunicorn_worker.py",  # gunicorn's, of a request
    "_fallback_storage": "tests/architecture/test_libraries.py",  # Flask-Limiter's
    "_get_source": "tests/imports/test_workbooks.py",  # openpyxl: a sheet as XML
}
# Public for all the underscore: Werkzeug, SQLAlchemy and Python document them.
DOCUMENTED = {"_get_current_object", "_mapping", "_exit"}

ALL_THREADS = """
import threading, time
from service.app import create_app
create_app()
until = time.monotonic() + 30
while threading.active_count() > 1 and time.monotonic() < until:
    time.sleep(0.01)
print(*[type(thread).__name__ for thread in threading.enumerate()])
"""


def private_attributes(path: Path) -> set[str]:
    """Return the private names that a module reads of what is not its own class."""
    tree = ast.parse(path.read_text())
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
        and node.attr not in defined
    }


def test_private_names_of_libraries_are_used_only_where_a_test_watches_them():
    used = set().union(*map(private_attributes, CODE))
    assert used - DOCUMENTED == set(WATCHED)
    assert all((ROOT / test).exists() for test in WATCHED.values())


def test_the_limiters_fallback_keeps_no_timer_running(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", ALL_THREADS],
        cwd=ROOT,
        env={"DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.stdout.strip(), ran.stderr) == ("_MainThread", "")


def test_flasks_configuration_is_made_of_the_settings_and_nowhere_else():
    """But for the mail catcher, an app of its own."""
    configuring = [
        path.relative_to(ROOT).as_posix()
        for path in CODE
        if ".config[" in path.read_text() or ".config.from" in path.read_text()
    ]
    assert sorted(configuring) == ["service/app.py", "service/catcher/pages.py"]
