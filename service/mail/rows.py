"""Rows that all workers share, made when first needed and locked while one of them counts."""

from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from service.extensions import db
from service.models import Breaker, RampUp, RateBucket

Row = TypeVar("Row", Breaker, RampUp, RateBucket)


def held(model: type[Row], name: str, **first: Any) -> Row:
    """Return the row `name`, locked until the commit; `first` are its values when it is new."""
    insert: Any = postgresql.insert if db.engine.name == "postgresql" else sqlite.insert
    db.session.execute(insert(model).values(name=name, **first).on_conflict_do_nothing())
    query = select(model).where(model.name == name).with_for_update()  # SQLite: BEGIN IMMEDIATE
    return db.session.scalars(query.execution_options(populate_existing=True)).one()
