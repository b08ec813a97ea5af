"""What the pages on deployment tell people to type is there, and is the same in both languages."""

import re
import shlex
import subprocess

import click
import pytest

from tests.deployment.programs import INSTALLED, services
from tests.live import ROOT

PAGES = {"en": ROOT / "docs" / "deployment.md", "es": ROOT / "docs" / "deployment.es.md"}
THEIRS = {"locks/production.txt", "worker.py", "wsgi.py", "service", "forms", "migrations"}


def blocks(language: str = "en") -> list[str]:
    """Return the fenced blocks of a page."""
    return re.findall(r"^```sh\n(.*?)^```", PAGES[language].read_text(), re.MULTILINE | re.DOTALL)


def lines() -> list[str]:
    return [line for block in blocks() for line in block.splitlines()]


def test_both_languages_tell_the_same_commands():
    assert blocks("es") == blocks("en")


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.splitlines()[-1][:40])
def test_a_shell_can_read_them(block):
    read = subprocess.run(["sh", "-n", "-c", block], capture_output=True, text=True)

    assert (read.returncode, read.stderr) == (0, "")


def test_the_files_that_they_name_are_ours():
    text = "\n".join(lines()).replace(f"{INSTALLED}/", "")
    named = set(re.findall(r"\bdeployment/[\w./-]+", text)) | THEIRS
    assert {name for name in THEIRS if name not in text} == set()
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_units_that_they_name_are_ours():
    ours = {path.stem for path in services()} | {"hasta-luego.target"}
    named = set(re.findall(r"hasta-luego(?:\.target|-(?:web|worker@|clock))", "\n".join(lines())))
    assert named == ours


def commands() -> list[str]:
    """Return the words of our own commands."""
    return [line.split("--app wsgi ")[1] for line in lines() if "--app wsgi" in line]


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("words", commands())
def test_our_commands_in_them_exist(app, words):
    command, rest = app.cli, shlex.split(words)
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), rest.pop(0))
    assert command is not None, f"flask --app wsgi {words}: no such command"
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word.split("=")[0] for word in rest if word.startswith("--")} <= known


@pytest.mark.parametrize("page", [*PAGES.values()], ids=PAGES)
def test_its_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
