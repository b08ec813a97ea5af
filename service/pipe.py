"""What a mail server starts for each mail that comes back: it writes the mail down, and ends.

`python -m service.pipe ADDRESS < mail`; a worker reads the mail later. A whole application takes
seconds to start, and a thousand bounces come as a thousand processes: so nothing of ours is
imported here but the settings, and the database is asked through its own driver.
"""

import argparse
import json
import sqlite3
import sys
from contextlib import closing
from typing import BinaryIO

import psycopg
from dotenv import load_dotenv

from service import private_files
from service.config import LARGEST_MAIL, Settings

EX_TEMPFAIL = 75  # sysexits.h: the mail server keeps the mail and brings it again
PATIENCE = 10  # seconds, for the database to answer or to be free
INSERT = "INSERT INTO inbound_arrivals (octets, recipients) VALUES ({0}, {0})"


class NoMail(Exception):
    """There is nothing on standard input."""


def main() -> int:
    """Keep the mail on standard input; return 0 when it is kept and 75 when it is to come again."""
    parser = argparse.ArgumentParser(prog="python -m service.pipe", description=__doc__)
    parser.add_argument("recipients", metavar="ADDRESS", nargs="*", help="where it was sent")
    wanted = parser.parse_args()
    private_files.hide_new_files()  # SQLite makes files beside a database
    load_dotenv(".env")  # what the environment says already wins
    try:
        keep(Settings.from_environment(), read(sys.stdin.buffer), tuple(wanted.recipients))
    except Exception as error:  # whatever it is, the mail must not be lost, nor bounced back
        print(f"not taken, bring it again: {type(error).__name__}", file=sys.stderr)  # noqa: T201
        return EX_TEMPFAIL
    return 0


def read(stream: BinaryIO) -> bytes:
    """Return the first LARGEST_MAIL octets of a mail, having read all of it; raises NoMail."""
    octets = stream.read(LARGEST_MAIL)
    while stream.read(LARGEST_MAIL):
        pass  # a mail server takes a reader that stops early for a failure
    if not octets.strip():
        raise NoMail
    return octets


def keep(settings: Settings, octets: bytes, recipients: tuple[str, ...]) -> None:
    """Commit the mail to the table of arrivals; raises what the driver raises."""
    values = (octets, json.dumps(recipients))
    url = settings.database_url
    if url.startswith("sqlite:"):
        path = url.removeprefix("sqlite:///").partition("?")[0]
        with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous=FULL")  # the mail server forgets the mail now
            database.execute(INSERT.format("?"), values)
        return
    address = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(address, connect_timeout=PATIENCE) as connection:
        connection.execute(INSERT.format("%s"), values)


if __name__ == "__main__":
    sys.exit(main())
