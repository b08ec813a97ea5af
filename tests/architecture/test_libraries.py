"""Private names of libraries are used where a test watches them; Flask is configured once."""

import ast
import threading
import time
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_limiters_fallback_keeps_no_timer_running(remade):
    before = set(threading.enumerate())
    remade()
    until = time.monotonic() + 30
    while (left := set(threading.enumerate()) - before) and time.monotonic() < until:
        time.sleep(0.01)
    assert left == set()


def test_flasks_configuration_is_made_of_the_settings_and_nowhere_else():
    """But for the mail catcher, an app of its own."""
    configuring = [
        path.relative_to(ROOT).as_posix()
        for path in CODE
        if ".config[" in path.read_text() or ".config.from" in path.read_text()
    ]
    assert sorted(configuring) == ["service/catcher/pages.py", "service/core.py"]
