"""Parts of SQL statements that the mail engine needs often, for SQLite and PostgreSQL."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ARRAY, ColumnElement, bindparam, func, select

from service.clock import now
from service.database import insert_into
from service.extensions import db
from service.models import Breaker, RampUp, RateBucket
from service.models.types import UtcDateTime

Row = TypeVar("Row", Breaker, RampUp, RateBucket)


def held(model: type[Row], name: str, **first: Any) -> Row:
    """Return the row `name`, locked until the commit; `first` are its values when it is new."""
    new = insert_into(model, db.engine).values(name=name, **first)
    db.session.execute(new.on_conflict_do_nothing())
    query = select(model).where(model.name == name).with_for_update()  # SQLite: BEGIN IMMEDIATE
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def among(column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """Return the condition that `column` is one of `values`, however many, in one parameter.

    For hundreds of parameters SQLAlchemy and the driver need longer than the database.
    """
    is_listed: ColumnElement[bool]
    if db.engine.name == "postgresql":
        is_listed = column == func.any(bindparam(None, list(values), type_=ARRAY(column.type)))
    else:
        each = func.json_each(json.dumps(list(values))).table_valued("value")
        is_listed = column.in_(select(each.c.value))
    return is_listed


def from_now(away: timedelta = timedelta(0)) -> ColumnElement[datetime]:
    """Return the time at which the statement runs, plus `away`: the statement can be built once.

    For PostgreSQL it is written into the text, so that the driver never prepares the statement: a
    plan made for any moment expects most rows to be due, and reads the whole table.
    """
    return bindparam(
        "moment",
        callable_=lambda: now() + away,
        type_=UtcDateTime(),
        unique=True,
        literal_execute=db.engine.name == "postgresql",
    )


def rarely(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return `condition` with a hint that few rows fulfil it, so that its index is used.

    SQLite's statistics know how many rows a value has on average, not that one value is rare:
    after an ANALYZE it would read a whole table of queued mails for the few that are being sent.
    """
    is_rare: ColumnElement[bool] = condition
    if db.engine.name == "sqlite":
        is_rare = func.unlikely(condition)
    return is_rare
