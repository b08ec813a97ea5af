"""The script that Postfix pipes mails into loses none, whatever state the service is in."""

import subprocess
from pathlib import Path

import pytest

from tests.deployment.programs import DEPLOYMENT, INSTALLED

BRING_IT_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
TO = "bounces+12.Ab-c_d@example.com; touch $(id)"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script, for a service that is installed in `tmp_path`."""
    copy = tmp_path / "postfix-receive"
    copy.write_text((DEPLOYMENT / copy.name).read_text().replace(INSTALLED, str(tmp_path)))
    copy.chmod((DEPLOYMENT / copy.name).stat().st_mode)
    return copy


def install(home: Path, exit_code: int) -> None:
    """Put a program in the place of Python that keeps what it is told, and ends like that."""
    python = home / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    keep = 'printf "%s\\n" "$PWD" "$@" > told; cat > mail'
    python.write_text(f"#!/bin/sh\n{keep}; exit {exit_code}\n")
    python.chmod(0o755)


def pipe(script: Path) -> int:
    """Pipe a mail into the script from another folder."""
    return subprocess.run([str(script), TO], input=b"a mail", cwd="/").returncode


def test_the_command_gets_the_mail_and_the_address_as_it_was(script, tmp_path):
    install(tmp_path, 0)

    assert pipe(script) == 0
    words = ["-m", "service.pipe", "--", TO]
    assert (tmp_path / "told").read_text().splitlines() == [str(tmp_path), *words]
    assert (tmp_path / "mail").read_bytes() == b"a mail"


@pytest.mark.parametrize("exit_code", [1, 2, 3, 75, 139])
def test_postfix_brings_again_what_could_not_be_taken(script, tmp_path, exit_code):
    install(tmp_path, exit_code)

    assert pipe(script) == BRING_IT_AGAIN


def test_postfix_brings_again_what_comes_during_an_update(script):
    assert pipe(script) == BRING_IT_AGAIN
