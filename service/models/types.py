"""Column types shared by the tables."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from sqlalchemy import DateTime, Dialect, Enum, String, TypeDecorator
from sqlalchemy.orm import mapped_column

from service.clock import now
from service.tokens import new_public_id


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC on both databases (SQLite forgets zones, so they are put back).

    Raises ValueError for a naive datetime: it could mean any zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """What its values are, for whoever reads columns without knowing them."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone was to be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def text_enum(kind: type[StrEnum], length: int = 40) -> Enum:
    """Return a column type that stores the members of `kind` as plain text, checked in Python."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=length,
        values_callable=lambda members: [member.value for member in members],
    )


PrimaryKey = Annotated[int, mapped_column(primary_key=True)]
PublicId = Annotated[str, mapped_column(String(22), unique=True, default=new_public_id)]
CreatedAt = Annotated[datetime, mapped_column(UtcDateTime, default=now)]
Moment = Annotated[datetime, mapped_column(UtcDateTime)]
