"""Insert many rows with one statement."""

from typing import Any

from sqlalchemy import insert, select

from service.extensions import db
from service.imports.actions.standing import portions
from service.models import Client, Contact, Departure
from service.tokens import new_public_id


def insert_all(table: type[Client | Contact | Departure], rows: list[dict[str, Any]]) -> list[int]:
    """Insert rows and return their ids in the same order.

    The ids are asked for by public id afterwards: on SQLite a RETURNING that keeps the order goes
    row by row.
    """
    public_ids = [new_public_id() for _row in rows]
    insert_quietly(
        table, [{"public_id": id_, **row} for id_, row in zip(public_ids, rows, strict=True)]
    )
    ids: dict[str, int] = {}
    for some in portions(public_ids):
        found = db.session.execute(
            select(table.public_id, table.id).where(table.public_id.in_(some))
        )
        ids.update((public_id, id_) for public_id, id_ in found)
    return [ids[public_id] for public_id in public_ids]


def insert_quietly(table: type[Any], rows: list[dict[str, Any]]) -> None:
    """Insert rows whose ids nobody asks for."""
    if rows:
        db.session.execute(insert(table), rows)
