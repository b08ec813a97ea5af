"""The parts of the launcher that can be asked without starting anything."""

import socket
import subprocess
import sys
from contextlib import closing

import pytest

from development import databases, dotenv, environment, ports, valkeys


def test_a_file_of_settings_is_read_as_python_dotenv_reads_it(tmp_path):
    path = tmp_path / ".env"
    path.write_text(
        "# a comment\nPORT=8001\nexport TIMEZONE = Europe/Madrid  # where we are\n"
        "SECRET_KEY='with # and spaces'\nMAIL_PASSWORD=\"qu#oted\"\nMAIL_RATE=\nnonsense\n"
        "DATABASE_URL=postgresql://a:b#c@host/name\n",
        encoding="utf-8",
    )
    from dotenv import dotenv_values

    assert dotenv.read(path) == {k: v for k, v in dotenv_values(path).items() if v is not None}


def test_the_environment_wins_over_the_file(tmp_path):
    (tmp_path / ".env").write_text("PORT=1\nTIMEZONE=UTC\n")

    found = dotenv.with_dotenv({"PORT": "2"}, tmp_path / ".env")
    assert found == {"PORT": "2", "TIMEZONE": "UTC"}


def test_the_migrations_have_one_head_and_it_is_read_without_flask():
    assert len(databases.heads()) == 1


def test_a_database_that_is_not_there_is_at_no_revision(tmp_path):
    assert databases.in_sqlite(tmp_path / "none.sqlite3") == set()


def test_a_free_port_is_not_one_that_somebody_shares_with_reuse_port():
    with closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        taken = other.getsockname()[1]

        assert ports.free(taken) != taken
        with pytest.raises(environment.Trouble, match=f"PORT: {taken} is taken"):
            ports.check(taken)


def test_the_private_valkey_has_a_socket_the_kernel_takes(tmp_path):
    deep = tmp_path / ("d" * 120)

    assert len(bytes(valkeys.socket_path(deep, tmp_path))) < 108
    assert valkeys.major_version(valkeys.program()) >= 7


@pytest.mark.parametrize("words", [[], ["fly"], ["run", "fast"]])
def test_bad_usage_ends_with_two_and_says_what_there_is(words):
    done = subprocess.run(
        [sys.executable, "dev.py", *words], cwd=environment.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "run" in done.stdout + done.stderr
