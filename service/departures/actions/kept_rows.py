"""Columns of a row as values of JSON, and back, so that an act can be undone. Pure."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import inspect

from service.extensions import Model


def columns_of(row: Model, but: Collection[str] = ()) -> dict[str, Any]:
    """Return the columns of a row as values of JSON, except its id and those in `but`."""
    names = {attribute.key for attribute in inspect(type(row)).column_attrs} - {"id", *but}
    return as_plain({name: getattr(row, name) for name in sorted(names)})


def as_plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of columns as values of JSON."""
    return {name: _plain(value) for name, value in values.items()}


def from_plain(model: type[Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of columns of `model` that as_plain() wrote."""
    columns = inspect(model).columns
    return {name: _read(columns[name].type.python_type, kept) for name, kept in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, date):  # a moment, too
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Decimal) else value


def _read(kind: type[Any], kept: Any) -> Any:
    if kept is None:
        return None
    if issubclass(kind, datetime | date):
        return kind.fromisoformat(kept)
    return kind(kept) if issubclass(kind, Enum | Decimal) else kept
