"""Set connections up so that a transaction means the same on SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection, Engine, Update, event
from sqlalchemy.dialects import postgresql, sqlite

from service.bulkhead import bulkhead

# Safe requests (GET, HEAD) set this: on SQLite they then share the database with a writer.
only_reading: ContextVar[bool] = ContextVar("only_reading", default=False)


ALONE = "each_statement_is_a_transaction"


@contextmanager
def statement_by_statement(engine: Engine) -> Iterator[Connection]:
    """Yield a connection on which each statement is a transaction: one round trip, not three.

    For conditional UPDATEs that are whole by themselves. commit() still ends what the result holds.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":  # its driver begins nothing, see prepare()
            yield connection.execution_options(**{ALONE: True})
        else:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")


class Ready:
    """An UPDATE that is compiled once and executed by the driver itself.

    SQLAlchemy's execute() costs as much as the statement; this is for one that runs for every mail.
    """

    def __init__(self, statement: Update, engine: Engine) -> None:
        style = "named" if engine.dialect.name == "sqlite" else "pyformat"
        with_style: Any = type(engine.dialect)
        dialect = with_style(paramstyle=style)
        compiled = statement.compile(dialect=dialect)
        self.text = str(compiled)
        processors = {
            name: parameter.type.dialect_impl(dialect).bind_processor(dialect)
            for name, parameter in compiled.binds.items()
        }
        self.processors = {name: to for name, to in processors.items() if to is not None}
        known = {name: each.value for name, each in compiled.binds.items() if not each.required}
        self.fixed = self._processed(known)

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Run it on a connection whose statements are transactions; return the rows changed."""
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self.text, self.fixed | self._processed(values))
            return cursor.rowcount
        finally:
            cursor.close()

    def _processed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        to = self.processors
        return {name: to[name](said) if name in to else said for name, said in values.items()}


def insert_into(table: Any, engine: Engine) -> postgresql.Insert:
    """Return an INSERT with ON CONFLICT, in the dialect of the database in use."""
    insert: Any = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
    statement: postgresql.Insert = insert(table)
    return statement


@contextmanager
def reading() -> Iterator[None]:
    """Mark transactions that begin in here as reading only, whatever the request does."""
    before = only_reading.set(True)
    try:
        yield
    finally:
        only_reading.reset(before)


@contextmanager
def writing() -> Iterator[None]:
    """Mark transactions that begin in here as writing, though the request only reads."""
    before = only_reading.set(False)
    try:
        yield
    finally:
        only_reading.reset(before)


def prepare(engine: Engine) -> None:
    """Set SQLite up: WAL, flushed commits, foreign keys, ten seconds of patience, BEGIN IMMEDIATE.

    A deferred transaction that reads and then writes fails at once when another wrote in between
    (SQLITE_BUSY_SNAPSHOT, which no busy timeout helps), so whoever may write takes the lock first.
    On both databases the requests of a web server wait for a lock behind a bulkhead.
    """
    if engine.dialect.name != "sqlite":
        _prepare_postgresql(engine)
        return

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the begin below is ours, not the driver's
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # NORMAL loses the last commits in a power cut, and marks with them
            "foreign_keys=ON",
            "busy_timeout=10000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get(ALONE):
            return
        if only_reading.get():
            connection.exec_driver_sql("BEGIN")
        elif bulkhead.places is None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            bulkhead.begin_sqlite(connection)


def _prepare_postgresql(engine: Engine) -> None:
    bulkhead.prepare_postgresql(engine)

    @event.listens_for(engine, "begin")
    def _begin(_connection: Connection) -> None:
        if bulkhead.places is not None and not only_reading.get():
            bulkhead.begin_postgresql()
