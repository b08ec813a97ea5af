"""A table as lines of JSON, which is how it leaves the process that reads a stranger's file.

A head, the rows, and an end, which says why when the file could not be read to its end.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import IO, Any

from service.spreadsheets.tables import BrokenCell, Cell, Percent, RawRow, Table, Unreadable

_READ: dict[str, Any] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "seconds": lambda seconds: timedelta(seconds=seconds),
    "percent": Percent,
    "broken": lambda both: BrokenCell(*both),
}


def write(table: Table, target: IO[bytes]) -> None:
    """Write the head and the rows of `table`, and that this is its end; raises Unreadable."""
    epoch = table.epoch.isoformat() if table.epoch else None
    _write_line({"length": table.length, "left_out": table.left_out, "epoch": epoch}, target)
    for row in table.rows:
        _write_line([row.number, row.cells], target)
    _write_line({"end": True}, target)


def write_reason(why: Unreadable, target: IO[bytes]) -> None:
    """Write why the file cannot be read any further."""
    _write_line({"unreadable": [why.message, why.line, why.values]}, target)


def read(source: IO[bytes]) -> Table:
    """Return the table written in `source`; its rows raise Unreadable where it could not be read.

    Lines that end without an end are those of a process that was killed: ValueError.
    """
    first = source.readline()
    head = json.loads(first or "{}")
    epoch = head.get("epoch")
    return Table(
        _rows(source if "length" in head else [first]),
        head.get("length", 0),
        tuple(head.get("left_out", ())),
        datetime.fromisoformat(epoch) if epoch else None,
    )


def _rows(source: Iterable[bytes]) -> Iterator[RawRow]:
    for text in filter(None, source):
        line = json.loads(text, object_hook=_value)
        if isinstance(line, list):
            yield RawRow(*line)
        elif line.get("end"):
            return
        else:
            message, number, values = line["unreadable"]
            raise Unreadable(message, number, **values)
    raise ValueError("the table has no end")


def _write_line(what: Any, target: IO[bytes]) -> None:
    text = json.dumps(what, ensure_ascii=False, separators=(",", ":"), default=_plain)
    target.write(text.encode("utf-8", "surrogatepass") + b"\n")


def _plain(cell: Cell) -> dict[str, Any]:
    match cell:
        case datetime():
            return {"datetime": cell.isoformat()}
        case date():
            return {"date": cell.isoformat()}
        case time():
            return {"time": cell.isoformat()}
        case timedelta():
            return {"seconds": cell.total_seconds()}
        case Percent():
            return {"percent": cell.shown}
        case BrokenCell():
            return {"broken": [cell.typed, cell.reason]}
    raise TypeError(type(cell).__name__)


def _value(found: dict[str, Any]) -> Any:
    if len(found) == 1:
        ((kind, value),) = found.items()
        if kind in _READ:
            return _READ[kind](value)
    return found
