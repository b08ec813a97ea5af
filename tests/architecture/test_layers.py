"""The parts know each other only as ARCHITECTURE.md draws it, and each is laid out alike."""

import ast
import subprocess
import sys
import tomllib

from development.environment import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["name"]: contract for contract in SETTINGS["contracts"]}
LAYERS = {"views", "public", "api", "commands", "jobs", "actions", "queries", "rules"}
ENTRY_POINTS = {"views", "public", "api", "commands", "jobs", "scheduler", "tasks", "web"}


def test_imports_only_point_down():
    command = "from importlinter.cli import lint_imports_command as check; check()"
    checked = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_worker_py_imports_nothing_that_has_pages():
    """Its start and its memory: it is above the packages, so no contract holds it."""
    held = CONTRACTS["What worker.py loads has no pages and no commands"]
    script = ast.parse((ROOT / "worker.py").read_text())
    origins = [node for node in ast.walk(script) if isinstance(node, ast.ImportFrom)]
    imported = {f"{each.module}.{alias.name}" for each in origins for alias in each.names}
    imported |= {each.module for each in origins}

    assert set(held["source_modules"]) <= imported
    assert not imported & set(held["forbidden_modules"])


def test_no_module_stands_outside_the_order():
    """An exhaustive contract fails over a module that it does not name."""
    whole = CONTRACTS["Imports only point down"]

    assert whole["containers"] == ["service"]
    assert all(each["exhaustive"] for each in CONTRACTS.values() if each["type"] == "layers")


def test_every_subject_is_held_to_its_layers():
    """But for the doctor, which is a list of checks and has a page and a command besides."""
    held = CONTRACTS["Inside a subject: entry points, then actions, then queries, then rules"]
    subjects = {
        f"service.{path.relative_to(ROOT / 'service').parts[0]}"
        for layer in LAYERS
        for shape in (f"*/{layer}.py", f"*/{layer}/__init__.py")
        for path in (ROOT / "service").glob(shape)
    }

    assert subjects - {"service.doctor"} == set(held["containers"])


def test_only_entry_points_commit():
    """Delivery (service/mail) is not among them: it marks each mail by itself, SMTP in between."""
    committing = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "service").rglob("*.py")
        if "session.commit(" in path.read_text()
        and not ENTRY_POINTS & set(path.relative_to(ROOT).with_suffix("").parts)
        and path.relative_to(ROOT).parts[1] != "mail"
    ]

    assert committing == []
