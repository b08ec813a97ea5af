"""Files out of tables, a row at a time: a format a module."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from service.exports import delimited, excel
from service.exports.tables import Table


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: how to write a table as one, and what a browser calls it."""

    write: Callable[[Table, IO[bytes]], None]
    media_type: str


FORMATS = {
    "csv": Format(delimited.write, "text/csv; charset=utf-8"),
    "xlsx": Format(
        excel.write, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ),
}
