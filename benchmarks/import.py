# ruff: noqa: N999
"""Measure the import of a list of 10,000 clients: read, compared, written and committed.

A CSV and an .xlsx, new and a second time, on SQLite and (where its server is installed) on
PostgreSQL. Limit: 20 s each. The ratio is to the least that any import must do: the same file
through csv.reader and executemany into the same three tables, unchecked, in the same run.
"""

import csv
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from pathlib import Path

import xlsxwriter
from sqlalchemy import delete, insert

from service.app import create_app
from service.config import Settings
from service.extensions import db
from service.imports import actions as imports
from service.imports import jobs, queries
from service.imports.rules import read
from service.imports.rules.columns import NAMES
from service.models import Client, Contact, Departure
from service.spreadsheets.extraction import table_in
from tests.servers import postgres

CLIENTS = 10_000
LIMIT = 20.0  # seconds
HEADER = [
    *("cliente", "contacto", "email", "idioma", "teléfono", "grupo", "servicio", "inicio", "aviso"),
    *("fin", "motivos", "cuota", "coste_captacion", "margen", "mantener_contacto", "notas"),
]


def main() -> int:
    """Measure and print; return 1 when something takes longer than the limit."""
    slowest = 0.0
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        lists = written(Path(home))
        for kind, url in databases(Path(home), stack):
            for path in lists:
                slowest = max(slowest, *measured(kind, url, path, Path(home)))
    print(f"slowest {slowest:.2f} s of {LIMIT:.0f} s allowed ({slowest / LIMIT:.0%})")
    return 0 if slowest <= LIMIT else 1


def rows() -> list[list[str]]:
    """Return the rows of the list: every second client leaves, half of those long ago."""
    first = date(2026, 1, 1)
    return [
        [
            f"Clínica Nº {number}", f"Íñigo Ruiz {number}", f"contacto{number}@cliente.example",
            "es", f"+34 6{number:08}", "Grupo Ría", "SEO", "16/03/2023", "",
            (first + timedelta(days=number % 300)).strftime("%d/%m/%Y") if number % 2 else "",
            "price|other" if number % 2 else "", "1.250,75", "600,25", "42,5", "sí", "Al día",
        ]
        for number in range(CLIENTS)
    ]  # fmt: skip


def written(home: Path) -> list[Path]:
    """Write the list as CSV, as a Spanish Excel does, and as a workbook; return both paths."""
    text, book = home / "list.csv", xlsxwriter.Workbook(str(home / "list.xlsx"))
    sheet = book.add_worksheet()
    with text.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        for number, row in enumerate([HEADER, *rows()]):
            writer.writerow(row)
            sheet.write_row(number, 0, row)
    book.close()
    return [text, home / "list.xlsx"]


def databases(home: Path, stack: ExitStack) -> Iterator[tuple[str, str]]:
    """Yield an empty database of each kind that is installed."""
    yield "sqlite", f"sqlite:///{home / 'measured.sqlite3'}"
    if shutil.which("postgres") or list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        yield "postgresql", stack.enter_context(postgres()).new_database("measured")
    else:
        print("postgresql  not installed, left out")


def measured(kind: str, url: str, path: Path, home: Path) -> tuple[float, float]:
    """Print and return the seconds of importing `path` the first time and once more."""
    env = {"DATABASE_URL": url, "DATA_DIR": str(home), "SECRET_KEY": "a key for benchmarks only"}
    with create_app(Settings.from_environment(env)).app_context():
        db.create_all()
        peer = timed(lambda: poured(home / "list.csv"))
        emptied()
        first = timed(lambda: imported(path))
        again = timed(lambda: imported(path))
        emptied()
        db.session.remove()
        db.engine.dispose()
    print(
        f"{kind:<11} {path.suffix:<6} {CLIENTS} clients  first {first:5.2f} s  again {again:5.2f} s"
        f"  plain csv and executemany {peer:5.2f} s  ratio {first / peer:4.1f}"
    )
    return first, again


def timed(action: Callable[[], None]) -> float:
    """Return the seconds that `action` takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def imported(path: Path) -> None:
    """Import a list as the command does."""
    known = queries.references()
    db.session.rollback()
    with table_in(path, NAMES) as table:
        reading = read(table, known)
    jobs.carry_out(lambda: imports.stage(reading), imports.publish)


def poured(path: Path) -> None:
    """Insert the file's rows into the tables without a check."""
    clients, contacts, departures = [], [], []
    with path.open(encoding="cp1252", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, delimiter=";"), 1):
            clients.append({"id": number, "name": row["cliente"], "name_key": str(number)})
            contacts.append(
                {
                    "id": number,
                    "client_id": number,
                    "name": row["contacto"],
                    "email": row["email"],
                    "email_key": row["email"],
                    "language": "es",
                }
            )
            if row["fin"]:
                day = datetime.strptime(row["fin"], "%d/%m/%Y").date()  # noqa: DTZ007
                departures.append(
                    {"client_id": number, "contact_id": number, "notice_on": day, "end_on": day}
                )
    for table, rows_ in ((Client, clients), (Contact, contacts), (Departure, departures)):
        db.session.execute(insert(table), rows_)
    db.session.commit()


def emptied() -> None:
    """Delete all rows again."""
    db.session.execute(delete(Client))
    db.session.commit()


if __name__ == "__main__":
    sys.exit(main())
