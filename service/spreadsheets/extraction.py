"""Have a stranger's file read by a confined process, and keep its table as lines of JSON."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from service import confined
from service.spreadsheets import wire
from service.spreadsheets.archives import too_much
from service.spreadsheets.tables import Table

MB = 1024 * 1024
# The largest list that may be imported fits in: an .xlsx of 100,000 rows, a CSV of 50 MB. What is
# no list is refused by what it holds, long before.
LIMITS = confined.Limits(memory=640 * MB, processor=45, output=100 * MB, patience=55)


def extract(source: IO[bytes], target: IO[bytes], names: Iterable[str]) -> None:
    """Write the table in the file `source` to the empty file `target`, for `wire.read`.

    `names` are the normalized names of columns that a header may have. A file that cannot be read
    leaves the reason in `target`.
    """
    source.seek(0)
    try:
        confined.run("service.spreadsheets", sorted(names), source, target, LIMITS)
    except confined.Exceeded:
        target.seek(0)
        target.truncate()
        wire.write_reason(too_much(), target)
    target.flush()
    target.seek(0)


@contextmanager
def table_in(path: Path, names: Iterable[str]) -> Iterator[Table]:
    """Yield the table in the file at `path`; its rows raise Unreadable where it cannot be read."""
    with path.open("rb") as source, TemporaryFile() as target:
        extract(source, target, names)
        yield wire.read(target)
