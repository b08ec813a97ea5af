"""Entry points that note, at each statement that writes, what they ask of SQLite at a commit.

A line says what was started, how many forks away from it this was, and `PRAGMA synchronous`.
"""

import io
import os
import runpy
import sqlite3
import sys
from pathlib import Path
from typing import Any

from tests.live import ROOT

FULL = 2  # flushed before the commit returns, https://sqlite.org/pragma.html#pragma_synchronous
WRITES = ("INSERT", "UPDATE", "DELETE", "WITH", "BEGIN IMMEDIATE")


def run(noted_in: str, name: str, words: tuple[str, ...], given: bytes = b"") -> None:
    """Run an entry point in this process, with `given` on its standard input."""
    started, known = os.getpid(), set[tuple[int, int]]()

    class Cursor(sqlite3.Cursor):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            result = super().execute(statement, *values)
            if statement.lstrip().startswith(WRITES):
                asking = sqlite3.Cursor(self.connection)
                (level,) = asking.execute("PRAGMA synchronous").fetchone()
                forks = 0 if os.getpid() == started else 1 if os.getppid() == started else 2
                if (forks, level) not in known:
                    known.add((forks, level))
                    with Path(noted_in).open("a", encoding="utf-8") as file:
                        file.write(f"{name} {forks} {level}\n")
            return result

    class Connection(sqlite3.Connection):
        def cursor(self, _factory: Any = None) -> sqlite3.Cursor:
            return Cursor(self)

        def execute(self, *words: Any) -> sqlite3.Cursor:
            return self.cursor().execute(*words)

    connect = sqlite3.connect

    def connect_and_note(*places: Any, **more: Any) -> sqlite3.Connection:
        found: sqlite3.Connection = connect(*places, **more, factory=Connection)
        return found

    sqlite3.connect = sqlite3.dbapi2.connect = connect_and_note
    sys.stdin = io.TextIOWrapper(io.BytesIO(given))
    sys.argv = list(words)
    if words[0].endswith(".py"):
        runpy.run_path(str(ROOT / words[0]), run_name="__main__")
    else:
        sys.modules.pop(words[0], None)  # runpy warns of one that was imported before
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)


def noted(file: Path) -> set[tuple[str, int, int]]:
    """Return what was noted: name, forks, level."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {(name, int(forks), int(level)) for name, forks, level in map(str.split, lines)}
