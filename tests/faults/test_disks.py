"""A full disk: no answer is half kept, no mail lost or doubled, and with room all goes on."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from service.extensions import db
from tests.faults.installs import an_install, open_mails, reckon, states
from tests.faults.people import comments, invited
from tests.mail.deliveries import mails
from tests.mail.scripted_process import scripted_process
from tests.processes import missing, private_directory

MEGABYTES = 12
PEOPLE, MAILS = 12, 20


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk that is soon full."""
    with private_directory() as home:
        words = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(home)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            missing("right to mount a tmpfs (run as root)")
        try:
            yield home
        finally:
            subprocess.run(["umount", "-l", str(home)], check=True)


def fill(disk: Path) -> Path:
    """Write until nothing more fits; return the file that takes all the room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 512, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    assert shutil.disk_usage(disk).free == 0
    return ballast


def shorten_the_log(file: Path) -> None:
    """Make the write-ahead log give its room back: what is written next has to find its own."""
    with closing(sqlite3.connect(file, timeout=20)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_full_disk_costs_no_mail_and_no_answer(remade, settings, session, small_disk):
    file = small_disk / "hasta-luego.sqlite3"
    with (
        scripted_process(RCPT=0.03, body=0.06) as smtp,
        remade(data_dir=small_disk, database_url=f"sqlite:///{file}").app_context() as context,
        an_install(context.app.extensions["settings"], smtp.port) as install,
    ):
        db.create_all()
        people = invited(PEOPLE)
        install.work()
        install.tick()
        install.serve()
        mails(MAILS)
        install.until(lambda: smtp.taken().total() >= 4, "four mails go out")
        shorten_the_log(file)
        ballast = fill(small_disk)
        pages = [(person, person.answers(install.url)) for person in people]
        assert {page.status for _, page in pages} <= {303, 503}
        refused = [person for person, page in pages if page.status == 503]
        assert refused, "the disk was not full"
        assert all(p.words in page.text for p, page in pages if page.status == 503)
        kept = sorted(person.words for person in people if person not in refused)
        ballast.unlink()
        assert comments() == kept, "what was refused left nothing behind"
        assert [person.answers(install.url).status for person in refused] == [303] * len(refused)
        assert comments() == sorted(person.words for person in people)
        install.until_all_ended()
        assert open_mails() == 0
        assert states().total() == MAILS + 2 * PEOPLE
        reckon(smtp, deaths=MAILS)
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
