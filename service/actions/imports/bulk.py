"""Insert many rows with one statement."""

from typing import Any

from sqlalchemy import insert

from service.extensions import db
from service.models import Client, Contact, Departure


def insert_all(table: type[Client | Contact | Departure], rows: list[dict[str, Any]]) -> list[int]:
    """Insert rows in bulk and return their ids in the same order."""
    if not rows:
        return []
    query = insert(table).returning(table.id, sort_by_parameter_order=True)
    return list(db.session.scalars(query, rows))


def insert_quietly(table: type[Any], rows: list[dict[str, Any]]) -> None:
    """Insert rows whose ids nobody asks for."""
    if rows:
        db.session.execute(insert(table), rows)
