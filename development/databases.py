"""Migrate the database, without starting Flask when it is up to date already."""

import re
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from development.environment import PYTHON, ROOT, Trouble

REVISION = re.compile(r"""^(down_revision|revision)\b[^=\n]*=\s*["'](\w+)["']""", re.MULTILINE)


def migrate(url: str, environment: Mapping[str, str]) -> bool:
    """Migrate the database to the newest revision; return whether it was older."""
    if revisions_in(url) == heads():
        return False
    command = [str(PYTHON), "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise Trouble(f"the database could not be migrated:\n{done.stdout}{done.stderr}".rstrip())
    return True


def heads() -> set[str]:
    """Return the revisions that no other one follows, read from the migrations' source."""
    found: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for path in (ROOT / "migrations" / "versions").glob("*.py"):
        for kind, name in REVISION.findall(path.read_text(encoding="utf-8")):
            found[kind].add(name)
    return found["revision"] - found["down_revision"]


def revisions_in(url: str) -> set[str]:
    """Return the revisions recorded in the database; none when it is new."""
    if url.startswith("sqlite:///"):
        return in_sqlite(Path(url.removeprefix("sqlite:///").partition("?")[0]))
    return in_postgres(url.replace("postgresql+psycopg://", "postgresql://", 1))


def in_sqlite(path: Path) -> set[str]:
    if not path.exists():
        return set()
    try:
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            return {row[0] for row in connection.execute("SELECT version_num FROM alembic_version")}
    except sqlite3.DatabaseError:  # no such table yet; a broken file fails loudly in the migration
        return set()


def in_postgres(url: str) -> set[str]:
    import psycopg  # only there once .venv is, and only needed for PostgreSQL

    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except psycopg.errors.UndefinedTable:
        return set()
    except psycopg.Error as error:
        first = next(iter(str(error).splitlines()), "no answer")
        raise Trouble(f"DATABASE_URL: PostgreSQL does not answer ({first})") from None
    return {row[0] for row in rows}
