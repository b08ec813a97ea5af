"""What a piece of code asks the database, and how the database goes about it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text

from service.extensions import db

LARGE = """UPDATE pg_class SET reltuples = 100000, relpages = 1
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""
Asked = tuple[str, Any]  # the statement and its parameters


@contextmanager
def asked() -> Iterator[list[Asked]]:
    """Collect the statements of the block."""
    found: list[Asked] = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        found.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def plan_of(statement: str, parameters: Any) -> str:
    """How the database would go about a statement, were its tables large.

    PostgreSQL plans for what it last counted, and it may have counted the empty tables of another
    test: until the rollback it believes that there are 100,000 rows in each page, and knows no more
    of them than of those of a new database.
    """
    connection = db.session.connection()
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres:
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
        db.session.execute(text("DELETE FROM pg_statistic"))
        db.session.execute(text(LARGE))
    explain = "EXPLAIN " if is_postgres else "EXPLAIN QUERY PLAN "
    rows = connection.exec_driver_sql(explain + statement, parameters)
    return "\n".join(str(row[-1]) for row in rows)
