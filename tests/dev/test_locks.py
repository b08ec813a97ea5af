"""The locks install the same everywhere, and say nothing of where they came from."""

import re
import tomllib

import pytest

from dev import LOCKS
from development.environment import ROOT

PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pins(name: str) -> set[tuple[str, str]]:
    return set(PIN.findall((ROOT / "locks" / f"{name}.txt").read_text()))


@pytest.mark.parametrize("name", LOCKS)
def test_every_version_is_pinned_with_a_hash(name):
    entries = re.split(r"\n(?=\S)", (ROOT / "locks" / f"{name}.txt").read_text().strip())

    for entry in entries:
        assert PIN.match(entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize("name", LOCKS)
def test_no_host_index_or_path_is_named(name):
    text = (ROOT / "locks" / f"{name}.txt").read_text()

    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted|@ |^/|\.\./", text, re.M)


def test_the_larger_locks_hold_the_smaller_ones_as_they_are():
    assert pins("production") < pins("run") < pins("test")


def test_all_that_the_project_asks_for_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    asked = [line for group in groups for line in group]
    names = {re.match(r"[A-Za-z0-9._-]+", line)[0].lower() for line in asked}

    assert names <= {name for name, _version in pins("test")}
