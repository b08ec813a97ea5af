"""Rows of an import in temporary tables, so that publishing them takes a few statements.

A temporary table belongs to its connection (`extensions.one_connection`): filling it locks nobody
out, nobody else sees it, and however the process ends nothing of it is left.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    Boolean,
    Column,
    CursorResult,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    exists,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.schema import CreateTable, DropTable

from service.bulkhead import bulkhead
from service.extensions import Model, db
from service.models import (
    Client,
    Contact,
    Departure,
    DepartureReason,
    Enrolment,
    Event,
    Suppression,
    SuppressionChange,
)

AT_ONCE = 5_000  # rows of one statement: those who wait for the lock see that it gets on
_METADATA = MetaData()
_PARENTS = {"client": Client, "contact": Contact, "departure": Departure}


def _table(name: str, *columns: Column[Any]) -> Table:
    order = Column("position", Integer, primary_key=True)
    return Table(name, _METADATA, order, *columns, prefixes=["TEMPORARY"])


def _copy(model: type[Model], *parents: str) -> Table:
    """Return a table for new rows of `model`, which name their parents by public id."""
    mapper = inspect(model)
    left_out = {"id", *(f"{parent}_id" for parent in parents)}
    columns = [
        Column(
            column.name,
            column.type,
            key=mapper.get_property_by_column(column).key,
            default=column.default.arg if column.default is not None else None,
        )
        for column in model.__table__.columns
        if column.name not in left_out
    ]
    named = [Column(parent, String(22)) for parent in parents]
    return _table(f"new_{model.__tablename__}", *columns, *named)


def _changes(model: type[Model], *more: Column[Any]) -> Table:
    """Return a table for changes of rows of `model`: id, names and values."""
    mapper = inspect(model)
    columns = [
        Column(column.name, column.type, key=mapper.get_property_by_column(column).key)
        for column in model.__table__.columns
    ]
    return _table(f"changed_{model.__tablename__}", Column("names", String), *columns, *more)


NEW = {
    Client: _copy(Client),
    Contact: _copy(Contact, "client"),
    Departure: _copy(Departure, "client", "contact"),
    DepartureReason: _copy(DepartureReason, "departure"),
    Event: _copy(Event, "departure"),
    Enrolment: _copy(Enrolment, "departure"),
    Suppression: _copy(Suppression),
    SuppressionChange: _copy(SuppressionChange),
}
CHANGED = {
    Client: _changes(Client),
    Contact: _changes(Contact),
    Departure: _changes(
        Departure,
        Column("has_other_reasons", Boolean, default=False),
        Column("begins", Boolean, default=False),
        Column("has_moved", Boolean, default=False),
    ),
}
# The clients of the list, and whether the basis of their contacts is to be counted anew.
CLIENTS = _table(
    "clients_of_list", Column("client", String(22)), Column("is_moved", Boolean, default=False)
)


OF_SUPPRESSIONS = (NEW[Suppression], NEW[SuppressionChange])
OF_CLIENTS = tuple(table for table in _METADATA.tables.values() if table not in OF_SUPPRESSIONS)


class Stale(Exception):
    """Somebody changed meanwhile what the import was compared with."""


class Stage:
    """The temporary tables of one import, on the connection that the session is kept on."""

    def __init__(self, tables: Iterable[Table]) -> None:
        for table in tables:
            db.session.execute(DropTable(table, if_exists=True))  # of an attempt before
            db.session.execute(CreateTable(table))
        self._new: dict[type[Model], int] = {}
        self._changed: dict[type[Model], dict[str, int]] = defaultdict(dict)

    def add(self, model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep new rows, with the public ids of their parents."""
        self._new[model] = len(rows)
        if rows:
            db.session.execute(insert(NEW[model]), rows)

    def change(self, model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep changed rows: `id`, and what changes by the name of its attribute."""
        marks = {"has_other_reasons", "begins", "has_moved"}
        alike: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            alike[tuple(row)].append(row)
        counts = self._changed[model]
        for keys, some in alike.items():
            names = ",".join(sorted(set(keys) - marks - {"id"}))
            counts[names] = counts.get(names, 0) + len(some)
            db.session.execute(insert(CHANGED[model]), [{"names": names, **row} for row in some])

    def name_clients(self, public_ids: Mapping[str, bool]) -> None:
        """Keep the clients of the list, and whose contacts need their basis counted."""
        if public_ids:
            rows = [{"client": id_, "is_moved": is_moved} for id_, is_moved in public_ids.items()]
            db.session.execute(insert(CLIENTS), rows)

    def publish_new(
        self, model: type[Model], unless: tuple[type[Model], Sequence[str]] | None = None
    ) -> None:
        """Insert the new rows; raises Stale when a parent is gone.

        Rows are left out that have a twin in the table `unless` names, by the columns of a key.
        """
        if not self._new.get(model):
            return
        staged, target = NEW[model], cast(Table, model.__table__)
        mapper = inspect(model)
        parents = {name: _PARENTS[name].__table__ for name in _PARENTS if name in staged.c}
        origin: Any = staged
        for name, parent in parents.items():
            origin = origin.join(parent, parent.c.public_id == staged.c[name])
        values = {
            column.name: staged.c[mapper.get_property_by_column(column).key]
            for column in target.c
            if mapper.get_property_by_column(column).key in staged.c
        } | {f"{name}_id": parent.c.id for name, parent in parents.items()}
        rows = select(*values.values()).select_from(origin).order_by(staged.c.position)
        if unless:
            other, key = cast(Table, unless[0].__table__).alias(), unless[1]
            rows = rows.where(~exists().where(*(other.c[name] == staged.c[name] for name in key)))
        place, count = staged.c.position, 0
        for first in range(0, self._new[model], AT_ONCE):
            some = rows.where(place > first, place <= first + AT_ONCE)
            done = db.session.execute(
                insert(target).from_select(list(values), some, include_defaults=False),
                execution_options={"preserve_rowcount": True},
            )
            count += cast(CursorResult[Any], done).rowcount
            bulkhead.get_on()
        if not unless and count != self._new[model]:
            raise Stale

    def publish_changes(self, model: type[Model]) -> None:
        """Update the changed rows; raises Stale when one is gone."""
        changed, target = CHANGED[model], cast(Table, model.__table__)
        mapper = inspect(model)
        for names, count in self._changed[model].items():
            if not names:
                continue
            values = {mapper.columns[name].name: changed.c[name] for name in names.split(",")}
            done = db.session.execute(
                update(target)
                .values(values)
                .where(target.c.id == changed.c.id, changed.c.names == names)
            )
            if cast(CursorResult[Any], done).rowcount != count:
                raise Stale
            bulkhead.get_on()


def ids_of(model: type[Model], mark: str = "") -> Select[Any]:
    """Return the query for the ids of changed rows, of those with `mark` alone if it is given."""
    changed = CHANGED[model]
    query = select(changed.c.id)
    return query.where(changed.c[mark].is_(True)) if mark else query
